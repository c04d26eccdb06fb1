# What system tests share.  $KERNEL is the kernel to boot, $BUILD the build folder, $TEST_LOG the stem
# of this file's logs.

bats_require_minimum_version 1.5.0

ROOT_OFFSET=$((16 << 20)) # image/mkimage: where the ext4 root begins

cd "$BATS_TEST_DIRNAME/../.." || exit 1
: "${KERNEL:=linux}" "${BUILD:=build}" "${TEST_LOG:=$BUILD/log/system/by-hand}"
export QUOIN_BUILD=$PWD/$BUILD
export VM_CONSOLE_LOG=$PWD/$TEST_LOG-${BATS_TEST_NUMBER:-0}.console
mkdir -p "$(dirname "$VM_CONSOLE_LOG")"

# vm VERB ARG...: the launcher, with the kernel under test
vm() {
    local verb=$1
    shift
    image/vm "$verb" --kernel "$KERNEL" --timeout 240 "$@"
}

# fresh_disk: prints the path of a new copy of the image
fresh_disk() {
    local disk=$BATS_TEST_TMPDIR/disk.img
    cp --reflink=auto --sparse=always "$BUILD/quoin.img" "$disk"
    echo "$disk"
}

# clean DISK: its root file system is in order, and needs no recovery
clean() {
    run /sbin/e2fsck -fn "$1?offset=$ROOT_OFFSET"
    echo "$output"
    [ "$status" = 0 ]
    [[ $output != *recover* ]]
}

# calm: the kernel had nothing to complain about
calm() {
    run grep -iE 'panic|oops:|bug:' "$VM_CONSOLE_LOG"
    echo "$output"
    [ "$status" = 1 ]
}

# dialogue SCRIPT ARG...: an expect script over session.tcl
dialogue() {
    local script=$1
    shift
    run timeout -k 5 400 expect -f "tests/system/$script" "$KERNEL" "$@"
    echo "$output" | tr -d '\r' | tail -n 40
    [ "$status" = 0 ]
}
