#!/usr/bin/env bats
# The table of Linux calls: what it says is there is also tested; being named in the random calls of fuzz.c is
# no test.  (A handler that is missing, the linker finds.)

# The names of the calls whose state is not absent.
present() {
    awk -F '\t' '$3 == "done" || $3 == "partial" { print $2 }' sysroot/abi/linux/calls.tbl
}

# Libraries call rt_sigaction sigaction and eventfd2 eventfd.
library_name() {
    sed -e 's/^rt_//' -e 's/^new//' -e 's/[0-9]*$//' <<< "$1"
}

@test "each Linux call that is there has a test in tests/posix" {
    tests=$(ls tests/posix/*.c | grep -v /fuzz.c)
    [ "$(present | wc -l)" -gt 100 ]
    missing=
    for call in $(present); do
        grep -qE "\<SYS_$call\>|\<$call\(|\<$(library_name "$call")\(" $tests || missing+=" $call"
    done
    echo "without a test:$missing"
    [ -z "$missing" ]
}
