# What system tests share.  $KERNEL is the kernel to boot, $BUILD the build folder, $TEST_LOG the stem
# of this file's logs.

bats_require_minimum_version 1.5.0

ROOT_OFFSET=$((16 << 20)) # image/mkimage: where the ext4 root begins

cd "$BATS_TEST_DIRNAME/../.." || exit 1
: "${KERNEL:=linux}" "${BUILD:=build}" "${TEST_LOG:=$BUILD/log/system/by-hand}"
export QUOIN_BUILD=$PWD/$BUILD
export VM_CONSOLE_LOG=$PWD/$TEST_LOG-${BATS_TEST_NUMBER:-0}.console
mkdir -p "$(dirname "$VM_CONSOLE_LOG")"

# vm VERB ARG...: the launcher, with the kernel under test and, if set, $CPUS
vm() {
    local verb=$1
    shift
    image/vm "$verb" --kernel "$KERNEL" ${CPUS:+--smp "$CPUS"} --timeout 240 "$@"
}

# on_machines FUNCTION KERNEL-CPUS...: FUNCTION KERNEL-CPUS for each, three at a time, as they also sleep and wait
# for the disk; there, `vm` boots that machine, with a console log of its own
on_machines() {
    local function=$1 machine
    shift
    for machine; do
        while [ "$(jobs -pr | wc -l)" -ge 3 ]; do wait -n || true; done
        KERNEL=${machine%-*} CPUS=${machine#*-} VM_CONSOLE_LOG=$(console_of "$machine") \
            "$function" "$machine" 3>&- &
    done
    wait
}

# console_of KERNEL-CPUS: the console log that on_machines gives it
console_of() {
    echo "$PWD/$TEST_LOG-$1.console"
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

# all_calm KERNEL-CPUS...: calm, on the consoles of on_machines
all_calm() {
    local machine
    for machine; do
        [ -s "$(console_of "$machine")" ]
        VM_CONSOLE_LOG=$(console_of "$machine") calm
    done
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
