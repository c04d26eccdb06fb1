#!/usr/bin/env bats
# The launcher and a QEMU that behaves badly: a script in its place, which gets the agent's line as $line.

load helper

setup() {
    truncate -s 1M "$BATS_TEST_TMPDIR/disk.img"
}

# with_qemu SCRIPT: image/vm exec on a machine that this script stands for
with_qemu() {
    local folder=$BATS_TEST_TMPDIR
    {
        echo '#!/bin/bash'
        echo 'line=$(echo "$*" | sed "s/.*id=agent,fd=\([0-9]*\).*/\1/")'
        echo "$1"
    } > "$folder/qemu-system-x86_64"
    chmod +x "$folder/qemu-system-x86_64"
    PATH=$folder:$PATH run -"$2" timeout 30 image/vm exec --drive "$folder/disk.img" -- cat < /dev/zero
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
