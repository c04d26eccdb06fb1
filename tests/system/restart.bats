#!/usr/bin/env bats
# Native tasks crash and come back, under work: nobody sees an error, and nothing is lost.
# kernels: quoin

load helper

# came_back TASK N: the console says that it ended N times, and nothing worse
came_back() {
    [ "$(grep -c "devmgr: $1 ended" "$VM_CONSOLE_LOG")" = "$2" ]
    calm
}

@test "the driver of the disk, under reads and writes of files and of the device" {
    disk=$(fresh_disk)
    run vm exec --smp 4 --drive "$disk" -- sh -ec '
        (cd /; find bin sbin usr etc lib -type f | sort | xargs sha256sum) > /root/sums
        dd if=/dev/vda2 bs=64k 2> /dev/null | sha256sum > /root/esp
        for i in 1 2 3 4 5; do sleep 1; echo virtio-blk-vda > /proc/quoin/restart; done &
        round=0
        while kill -0 $! 2> /dev/null; do
            rm -rf /root/copy; mkdir /root/copy
            cp -a /bin /sbin /usr /etc /lib /root/copy/
            sync
            (cd /root/copy; sha256sum -c /root/sums > /root/result) || cat /root/result
            dd if=/dev/vda2 bs=64k 2> /dev/null | sha256sum | cmp - /root/esp
            round=$((round + 1))
        done
        echo "rounds: $round"'
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == "rounds: "* ]]
    came_back virtio-blk-vda 5
    clean "$disk"
    run vm exec --drive "$disk" -- sh -c 'cd /root/copy && sha256sum -c /root/sums > /dev/null && echo whole'
    [ "$output" = whole ]
}

@test "the driver of the disk, while the device is opened over and over" {
    run vm exec --smp 4 -- sh -ec '
        for i in 1 2 3 4; do sleep 1; echo virtio-blk-vda > /proc/quoin/restart; done &
        opens=0
        while kill -0 $! 2> /dev/null; do
            dd if=/dev/vda2 of=/dev/null bs=512 count=1 2> /root/error || cat /root/error
            opens=$((opens + 1))
        done
        echo "opens: $opens"'
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == "opens: "* ]]
    came_back virtio-blk-vda 4
}

@test "the driver of the serial lines: the next command is heard" {
    run vm exec -- sh -ec 'echo before; sleep 1; echo uart > /proc/quoin/restart; sleep 2; echo after'
    echo "$output"
    [ "$status" = 0 ]
    [ "$output" = "$(printf 'before\nafter')" ]
    came_back uart 1
}

@test "the server of a file system, many times: its mount is lost, and the disk can be mounted again" {
    mkdir -p "$BATS_TEST_TMPDIR/add"
    echo there > "$BATS_TEST_TMPDIR/add/file"
    run vm exec --add "$BATS_TEST_TMPDIR/add" -- sh -ec '
        for n in $(seq 2 41); do
            cat /mnt/file
            echo ext4-$n > /proc/quoin/restart
            ls -l /mnt/another 2>&1 | grep -q "I/O error"
            umount /mnt
            mount -t ext4 -o ro /dev/vdb /mnt
        done
        cat /mnt/file
        grep -c ext4 /proc/quoin/tasks'
    echo "$output"
    [ "$status" = 0 ]
    [ "$output" = "$(yes there | head -41; echo 2)" ]
    calm
}

@test "who may, and what" {
    run vm exec -- sh -c '
        echo posix > /proc/quoin/restart
        echo nobody > /proc/quoin/restart
        su -s /bin/sh nobody -c "echo uart > /proc/quoin/restart" 2>&1
        echo alive' 
    echo "$output"
    [[ $output == *"No such file"*"No such file"*"ermission denied"*alive ]]
    calm
}
