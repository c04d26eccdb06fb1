#!/usr/bin/env bats
# The committed pages of docs/interfaces are what the generators make of sysroot/abi.

@test "the interface pages are up to date" {
    make -s abi-headers
    for page in build/gen/docs/kernel-calls.md build/gen/docs/proto-*.md; do
        diff -u "docs/interfaces/$(basename "$page")" "$page" || {
            echo "run: make docs"
            return 1
        }
    done
}

@test "every interface page has its source" {
    for page in docs/interfaces/proto-*.md; do
        name=$(basename "$page" .md)
        [ -f "sysroot/abi/proto/${name#proto-}.proto" ] || {
            echo "$page has no source in sysroot/abi/proto: delete it"
            return 1
        }
    done
}
