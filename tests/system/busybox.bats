#!/usr/bin/env bats
# BusyBox's own tests, from its source package, on the BusyBox of the image: what passes under Linux
# passes under Quoin.  busybox/differences names the exceptions.
# kernels: quoin

load helper

MACHINES='quoin-1 quoin-4' # kernel and number of CPUs; Linux, with one, is the oracle

# suite MACHINE: runs the tests there; the names of those that pass, sorted
suite() {
    vm exec --timeout 900 --add "$BATS_FILE_TMPDIR/tree" -- sh /mnt/run > "$TEST_LOG-$1" || return
    grep '^PASS: ' "$TEST_LOG-$1" | cut -c7- | sort > "$BATS_FILE_TMPDIR/$1"
}

# oracle: where the results of Linux are kept, from one tree to the next, under a hash of all that they depend on
oracle() {
    local key
    key=$(sha256sum "$BUILD/linux/vmlinuz" "$BUILD/ports/busybox/key" tests/system/busybox/{tree,run} | sha256sum)
    echo "${QUOIN_CACHE:-$HOME/.cache/quoin}/oracle/busybox-${key:0:16}"
}

setup_file() {
    make -s linux
    tests/system/busybox/tree "$BATS_FILE_TMPDIR/tree"
    if [ -e "$(oracle)" ]; then
        on_machines suite $MACHINES
    else
        on_machines suite linux-1 $MACHINES
        mkdir -p "$(dirname "$(oracle)")"
        cp "$BATS_FILE_TMPDIR/linux-1" "$(oracle).new"
        mv "$(oracle).new" "$(oracle)"
    fi
}

# accepted: the names in the list of differences
accepted() {
    sed '/^#/d' tests/system/busybox/differences | cut -f 1 | sort
}

@test "most tests pass under Linux" {
    wc -l < "$(oracle)"
    [ "$(wc -l < "$(oracle)")" -gt 900 ]
}

# all_pass MACHINE: what passes under Linux passes there, but for the accepted differences
all_pass() {
    run comm -23 "$(oracle)" "$BATS_FILE_TMPDIR/$1"
    echo "$output"
    [ "$(comm -23 <(echo "$output") <(accepted))" = '' ]
}

@test "what passes under Linux passes under Quoin, 1 CPU" {
    all_pass quoin-1
}

@test "what passes under Linux passes under Quoin, 4 CPUs" {
    all_pass quoin-4
}

@test "no accepted difference has gone" {
    for machine in $MACHINES; do
        run comm -12 <(accepted) "$BATS_FILE_TMPDIR/$machine"
        echo "$output"
        [ "$output" = '' ]
    done
}

@test "nothing on the console" {
    all_calm $MACHINES
}
