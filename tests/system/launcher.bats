#!/usr/bin/env bats
# The launcher and a QEMU that behaves badly: a script in its place, which gets the agent's line as $line.

load helper

setup() {
    truncate -s 1M "$BATS_TEST_TMPDIR/disk.img"
}

# stand_in PROGRAM SCRIPT: what image/vm finds as this program
stand_in() {
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    printf '#!/bin/bash\n%s\n' "$2" > "$BATS_TEST_TMPDIR/bin/$1"
    chmod +x "$BATS_TEST_TMPDIR/bin/$1"
}

vm_here() {
    PATH=$BATS_TEST_TMPDIR/bin:$PATH timeout 30 image/vm "$@"
}

# with_qemu SCRIPT STATUS: image/vm exec on a machine that this script stands for ends with this status
with_qemu() {
    stand_in qemu-system-x86_64 'line=$(echo "$*" | sed "s/.*id=agent,fd=\([0-9]*\).*/\1/")'"
$1"
    run -"$2" vm_here exec --drive "$BATS_TEST_TMPDIR/disk.img" -- cat < /dev/zero
    echo "$output"
}

hello='printf "H\15\0\0\0quoin agent 1" >&$line'

@test "QEMU says what is wrong and ends" {
    with_qemu 'echo "qemu: no such machine" >&2; exit 1' 125
    [[ $output = *"image/vm: qemu: no such machine"* ]]
}

@test "the machine ends while its command waits for input" {
    with_qemu "$hello; sleep 1; exit 0" 125
    [[ $output = *"the machine ended before the command did"* ]]
}

@test "QEMU closes the line and lives on" {
    with_qemu "$hello; eval \"exec \$line>&-\"; exec sleep 60" 125
    [[ $output = *"the machine ended before the command did"* ]]
}

@test "a command that ends at once, and QEMU with it" {
    with_qemu "$hello; printf 'S\4\0\0\0\7\0\0\0' >&\$line; sleep 1" 7
}

@test "a disk that was put aside stays, though the copy of the new image was broken off" {
    cd "$BATS_TEST_TMPDIR"
    echo old > disk.img
    echo "0 0" > disk.img.from
    echo new > quoin.img
    cd - > /dev/null
    stand_in qemu-system-x86_64 'exit 0'
    stand_in cp 'echo half > "$4"; kill -TERM $PPID; sleep 5'
    QUOIN_BUILD=$BATS_TEST_TMPDIR run -143 vm_here run
    rm "$BATS_TEST_TMPDIR/bin/cp"
    QUOIN_BUILD=$BATS_TEST_TMPDIR run -0 vm_here run
    [ "$(cat "$BATS_TEST_TMPDIR/disk.img")" = new ]
    [ "$(cat "$BATS_TEST_TMPDIR/disk.img.old")" = old ]
}
