#!/usr/bin/env bats
# How the disk image is made, on the host.  Needs the image.

load helper

# again WHERE [COMMAND...]: makes the image once more, below WHERE, with a command in front of make
again() {
    local where=$1
    shift
    "$@" make -s CROSS= IMAGE="$where/quoin.img" IMAGE_WORK="$where/work" "$where/quoin.img"
}

@test "the same tree gives the same bytes" {
    (umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 again "$BATS_TEST_TMPDIR")
    cmp "$BUILD/quoin.img" "$BATS_TEST_TMPDIR/quoin.img"
}

@test "making it needs no root rights" {
    [ "$(id -u)" = 0 ] || skip "the build itself has none"
    setpriv --reuid 65534 --clear-groups test -r "$PWD/Makefile" || skip "the tree is closed to others"
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/test
    chmod 777 "$BATS_TEST_TMPDIR"
    again "$BATS_TEST_TMPDIR" setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$BATS_TEST_TMPDIR"
    cmp "$BUILD/quoin.img" "$BATS_TEST_TMPDIR/quoin.img"
}

@test "the partition table and the root file system are in order" {
    clean "$BUILD/quoin.img"
    run /sbin/dumpe2fs -h "$BUILD/quoin.img?offset=$ROOT_OFFSET"
    [[ $output == *"extent"* && $output == *"metadata_csum"* && $output == *"has_journal"* ]]
}

@test "a size too small for what goes in" {
    run make -s CROSS= IMAGE="$BATS_TEST_TMPDIR/quoin.img" IMAGE_WORK="$BATS_TEST_TMPDIR/work" \
        IMAGE_SIZE=1M "$BATS_TEST_TMPDIR/quoin.img"
    [ "$status" != 0 ]
    [[ $output == *"too small"* ]]
}

@test "no image, no disk, no folder: one line that says what to do" {
    QUOIN_BUILD=$BATS_TEST_TMPDIR run image/vm exec -- true
    [ "$status" = 125 ]
    [ "${#lines[@]}" = 1 ]
    [[ $output == *"run make image"* ]]
    run image/vm exec --drive /no/such/disk -- true
    [ "$status" = 125 ]
    [ "${#lines[@]}" = 1 ]
    run image/vm exec --add /no/such/folder -- true
    [ "$status" = 125 ]
    [ "${#lines[@]}" = 1 ]
    run image/vm exec --mem lots -- true
    [ "$status" = 125 ]
    [ "${#lines[@]}" = 1 ]
}

@test "no QEMU: one line that says what to do" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    ln -s "$(command -v python3)" "$(command -v env)" "$BATS_TEST_TMPDIR/bin/"
    PATH=$BATS_TEST_TMPDIR/bin run image/vm exec -- true
    [ "$status" = 125 ]
    [ "${#lines[@]}" = 1 ]
    [[ $output == *"make setup"* ]]
}
