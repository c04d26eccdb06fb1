#!/usr/bin/env bats
# What a person meets when something is wrong: lines that name it, and an end.
# kernels: quoin

load helper

# doomed ARG...: a machine that has to end on its own before its command runs
doomed() {
    run image/vm exec --timeout 60 "$@" -- true
    echo "$output"
    [ "$status" = 125 ]
}

# damage DISK OFFSET: one byte of the root file system becomes 0xff
damage() {
    printf '\377' | dd of="$1" bs=1 seek=$((ROOT_OFFSET + $2)) count=1 conv=notrunc status=none
}

# without DISK FILE...: the root file system loses these files
without() {
    local disk=$1 file
    shift
    for file; do
        /sbin/debugfs -w -R "rm $file" "$disk?offset=$ROOT_OFFSET" 2> /dev/null
    done
}

@test "a disk without a root file system" {
    disk=$(fresh_disk)
    dd if=/dev/zero of="$disk" bs=1K seek=$((ROOT_OFFSET / 1024 + 1)) count=1 conv=notrunc status=none
    doomed --drive "$disk"
    [[ $output == *"no disk has a readable root file system"* ]]
}

@test "a damaged superblock" {
    disk=$(fresh_disk)
    damage "$disk" $((1024 + 0x3fc))
    doomed --drive "$disk"
    [[ $output == *"wrong checksum of the superblock"* ]]
    [[ $output == *"no root file system: powering off"* ]]
    calm
}

@test "a root without the boot archive" {
    disk=$(fresh_disk)
    without "$disk" /boot/archive.cpio
    doomed --drive "$disk"
    [[ $output == *"/boot/archive.cpio"*"not found"* ]]
    [[ $output == *"cannot be"*"loaded"* ]]
}

@test "a boot archive that is damaged" {
    disk=$(fresh_disk)
    cp "$BUILD/boot/archive.cpio" "$BATS_TEST_TMPDIR/archive"
    printf 'xxxx' | dd of="$BATS_TEST_TMPDIR/archive" conv=notrunc status=none
    without "$disk" /boot/archive.cpio
    /sbin/debugfs -w -R "write $BATS_TEST_TMPDIR/archive /boot/archive.cpio" "$disk?offset=$ROOT_OFFSET"
    run image/vm exec --timeout 10 --drive "$disk" -- true
    echo "$output"
    [[ $output == *"no program devmgr in the boot archive"* ]]
}

@test "a root without init and shell" {
    disk=$(fresh_disk)
    without "$disk" /sbin/init /bin/sh
    doomed --drive "$disk"
    [[ $output == *"/sbin/init: error 2"* ]]
    [[ $output == *"no init found: powering off"* ]]
}

@test "too little memory: how much it takes" {
    run image/vm exec --mem 16M --timeout 10 -- true
    echo "$output"
    [ "$status" = 124 ]
    [[ $output == *"KiB of memory are free, the system needs 64 MiB"* ]]
}

@test "a full disk on the host" {
    [ "$(id -u)" = 0 ] || skip "a small file system needs root rights"
    mkdir "$BATS_TEST_TMPDIR/small"
    mount -t tmpfs -o size=1M none "$BATS_TEST_TMPDIR/small" || skip "nothing can be mounted here"
    mkdir "$BATS_TEST_TMPDIR/small/image"
    ln -s "$PWD/$BUILD/quoin.img" "$BATS_TEST_TMPDIR/small/"
    QUOIN_BUILD=$BATS_TEST_TMPDIR/small run image/vm run < /dev/null
    umount "$BATS_TEST_TMPDIR/small"
    echo "$output"
    [ "$status" = 125 ]
    [ "${#lines[@]}" = 1 ]
    [[ $output == *"No space left on device"* ]]
}
