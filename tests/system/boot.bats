#!/usr/bin/env bats
# The launcher's contract: boot, run one command, pass it through, power off.
# kernels: linux quoin

load helper

@test "exec passes standard output, standard error and the status through" {
    run --separate-stderr vm exec -- sh -c 'echo out; echo err >&2; exit 7'
    [ "$status" = 7 ]
    [ "$output" = out ]
    [ "$stderr" = err ]
    calm
}

@test "exec passes every byte through, in and out" {
    head -c 70000 /dev/urandom > "$BATS_TEST_TMPDIR/bytes"
    vm exec -- cat < "$BATS_TEST_TMPDIR/bytes" > "$BATS_TEST_TMPDIR/back"
    cmp "$BATS_TEST_TMPDIR/bytes" "$BATS_TEST_TMPDIR/back"
}

@test "a command line of 60,000 bytes arrives whole, however fast it is sent" {
    words=$(head -c 60000 /dev/zero | tr '\0' w)
    run vm exec -- sh -c 'echo "${#1}"' sh "$words"
    echo "$output"
    [ "$status" = 0 ]
    [ "${lines[-1]}" = 60000 ]
}

@test "exec: a signal's number, and a command that is not there" {
    run vm exec -- sh -c 'kill -9 $$'
    [ "$status" = 137 ]
    run vm exec -- no-such-command
    [ "$status" = 127 ]
    [[ $output == *"no-such-command"* ]]
}

@test "exec is over within 15 seconds" {
    local try
    for try in 1 2 3; do # the host may be busy
        SECONDS=0
        vm exec -- true
        [ "$SECONDS" -ge 15 ] || return 0
    done
    false
}

@test "exec: a time-out ends the machine with 124 and the last console lines" {
    local limit=12
    [ "$KERNEL" != linux ] || limit=30 # it is silent for long
    run vm exec --timeout "$limit" -- sleep 1000
    [ "$status" = 124 ]
    [[ $output == *"time-out"* ]]
    [[ $output == *"console|"* ]]
}

@test "four CPUs" {
    run vm exec --smp 4 -- nproc
    [ "$status" = 0 ]
    [ "$output" = 4 ]
    calm
}

@test "one CPU" {
    run vm exec --smp 1 -- nproc
    [ "$status" = 0 ]
    [ "$output" = 1 ]
}

@test "UEFI firmware" {
    [ "$KERNEL" != linux ] || skip "the oracle is loaded without firmware"
    run vm exec --firmware uefi -- sh -c 'exit 5'
    [ "$status" = 5 ]
    calm
}

@test "time counted in instructions" {
    run vm exec --icount -- sh -c 'echo counted'
    [ "$status" = 0 ]
    [ "$output" = counted ]
}

@test "64 MiB of memory" {
    [ "$KERNEL" != linux ] || skip "the oracle needs more"
    run vm exec --mem 64M -- sh -c "echo enough"
    [ "$status" = 0 ]
    [ "$output" = enough ]
}

@test "an added folder is at /mnt, and Debian's static BusyBox runs from it" {
    mkdir "$BATS_TEST_TMPDIR/add"
    echo 'from the host' > "$BATS_TEST_TMPDIR/add/note"
    cp /bin/busybox "$BATS_TEST_TMPDIR/add/"
    run vm exec --add "$BATS_TEST_TMPDIR/add" -- /mnt/busybox sh -c 'cat /mnt/note; stat -c %U /mnt/note'
    [ "$status" = 0 ]
    [ "${lines[0]}" = 'from the host' ]
    [ "${lines[1]}" = root ]
}

@test "a second disk is at /mnt, and is not written to" {
    local disk=$BATS_TEST_TMPDIR/second.ext4
    truncate -s 512M "$disk"
    /sbin/mke2fs -q -t ext4 -b 4096 "$disk"
    local before
    before=$(stat -c %y "$disk")
    run vm exec --disk "$disk" -- sh -c 'echo x > /mnt/written && cat /mnt/written'
    [ "$status" = 0 ]
    [ "$output" = x ]
    [ "$(stat -c %y "$disk")" = "$before" ]
}

@test "a drive keeps what is written to it, and is clean afterwards" {
    local disk
    disk=$(fresh_disk)
    vm exec --drive "$disk" -- sh -c 'mkdir /root/d && echo kept > /root/d/f'
    calm
    clean "$disk"
    run vm exec --drive "$disk" -- cat /root/d/f
    [ "$status" = 0 ]
    [ "$output" = kept ]
    clean "$disk"
}

@test "a throw-away copy leaves the image as it was" {
    local before
    before=$(stat -c %y "$BUILD/quoin.img")
    vm exec -- sh -c 'echo gone > /root/gone; sync'
    [ "$(stat -c %y "$BUILD/quoin.img")" = "$before" ]
}
