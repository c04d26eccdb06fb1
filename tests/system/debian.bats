#!/usr/bin/env bats
# Programs that nobody here built: Debian's own binaries with their own loader and libraries say the same
# and end the same way under Linux and under Quoin.  debian/programs has the programs, debian/packages
# what they are run with.
# kernels: quoin

load helper

MACHINES='linux-1 quoin-1 quoin-4' # kernel and number of CPUs; the first is the oracle

# results MACHINE: runs the programs there and unpacks what they said
results() {
    mkdir "$BATS_FILE_TMPDIR/$1"
    vm exec --add "$BATS_FILE_TMPDIR/tree" -- sh /mnt/run | tar -x -C "$BATS_FILE_TMPDIR/$1" ||
        echo "$1: no results" >&2
}

setup_file() {
    make -s linux
    tests/system/debian/tree "$BATS_FILE_TMPDIR/tree"
    on_machines results $MACHINES
}

# same PROGRAM STATUS: standard output, standard error and exit status are the oracle's everywhere
same() {
    local machine
    cd "$BATS_FILE_TMPDIR" || return
    [ "$(cat "linux-1/$1/status")" = "$2" ]
    [ -s "linux-1/$1/out" ]
    for machine in $MACHINES; do
        diff -r "linux-1/$1" "$machine/$1" || { echo "$machine differs"; return 1; }
    done
}

@test "bash: expansion, pipelines, coprocesses, jobs, traps" {
    same bash 9
}

@test "busybox-static: a program without a loader" {
    same busybox 0
}

@test "coreutils: the everyday commands, on the disk and in memory" {
    same coreutils 0
}

@test "find, xargs and grep over a large tree" {
    same find 0
}

@test "glibc's loader: called by name, preloading, damaged programs" {
    same loader 0
}

@test "perl: processes, signals, locks, select" {
    same perl 6
}

@test "ps and pgrep: what /proc says of processes" {
    same processes 0
}

@test "python3: fork, threads, multiprocessing, memory maps, terminals, /proc" {
    same python 7
}

@test "python3's own tests: calls, threads, signals, memory maps, files, terminals" {
    same python-tests 5
}

@test "sort: threads and temporary files" {
    same sort 0
}

@test "tar: every kind of file, there and back" {
    same tar 0
}

@test "nothing on the console" {
    all_calm $MACHINES
}
