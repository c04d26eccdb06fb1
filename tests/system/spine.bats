#!/usr/bin/env bats
# What the architecture promises and a counter can show.
# kernels: quoin

load helper

@test "posix, ext4, the drivers and devmgr are tasks of their own, each with its own address space" {
    run --separate-stderr vm exec -- cat /proc/quoin/tasks
    echo "$output"
    [ "$status" = 0 ]
    for task in devmgr uart virtio-blk-vda posix ext4-1; do
        [[ $output == *" $task "* ]]
    done
    [ "$(awk 'NR > 1 { print $3 }' <<< "$output" | sort | uniq -d)" = "" ]
}

@test "reads of cached files, stats and opens send no message" {
    run --separate-stderr vm exec -- sh -c '
        calls() { sed -n "s/^ipc_calls //p" /proc/quoin/stats; }
        work() {
            dd if=/bin/busybox of=/dev/null bs=4096 2> /dev/null
            i=0
            while [ $i -lt 100 ]; do [ -e /bin/busybox ] && read -r line < /etc/passwd; i=$((i + 1)); done
        }
        work; work
        before=$(calls); work; after=$(calls)
        [ "$before" -gt 0 ] || exit # else nothing was counted
        echo $((after - before))'
    echo "$output"
    [ "$status" = 0 ]
    [ "$output" -lt 20 ] # the file system writes back now and then
}

@test "the books know the heap of every server" {
    run --separate-stderr vm exec -- cat /proc/quoin/books
    echo "$output"
    for server in devmgr console block/vda fs/ext4/1; do
        grep -qE "^${server}_heap_bytes [0-9]+$" <<< "$output"
    done
}
