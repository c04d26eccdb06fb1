#!/usr/bin/env bats
# BusyBox's own tests, from its source package, on the BusyBox of the image: what passes under Linux
# passes under Quoin.  busybox/differences names the exceptions.
# kernels: quoin

load helper

# suite KERNEL CPUS RESULTS: runs the tests there; the names of those that pass, sorted
suite() {
    KERNEL=$1 vm exec --timeout 600 --smp "$2" --add "$BATS_FILE_TMPDIR/tree" -- sh /mnt/run > "$TEST_LOG-$1" ||
        return
    grep '^PASS: ' "$TEST_LOG-$1" | cut -c7- | sort > "$3"
}

# oracle: where the results of Linux are kept, under a hash of all that they depend on
oracle() {
    local key
    key=$(sha256sum "$BUILD/linux/vmlinuz" "$BUILD/ports/busybox/key" tests/system/busybox/{tree,run} | sha256sum)
    echo "$BUILD/tests/busybox-linux-${key:0:16}"
}

setup_file() {
    make -s linux
    tests/system/busybox/tree "$BATS_FILE_TMPDIR/tree"
    mkdir -p "$BUILD/tests"
    [ -e "$(oracle)" ] || { suite linux 1 "$BATS_FILE_TMPDIR/linux" && mv "$BATS_FILE_TMPDIR/linux" "$(oracle)"; }
    suite quoin 4 "$BATS_FILE_TMPDIR/quoin"
}

# accepted: the names in the list of differences
accepted() {
    sed '/^#/d' tests/system/busybox/differences | cut -f 1 | sort
}

@test "most tests pass under Linux" {
    wc -l < "$(oracle)"
    [ "$(wc -l < "$(oracle)")" -gt 900 ]
}

@test "what passes under Linux passes under Quoin" {
    run comm -23 "$(oracle)" "$BATS_FILE_TMPDIR/quoin"
    echo "$output"
    [ "$(comm -23 <(echo "$output") <(accepted))" = '' ]
}

@test "no accepted difference has gone" {
    run comm -12 <(accepted) "$BATS_FILE_TMPDIR/quoin"
    echo "$output"
    [ "$output" = '' ]
}

@test "nothing on the console" {
    VM_CONSOLE_LOG=$PWD/$TEST_LOG-0.console calm # of the last machine that setup_file ran
}
