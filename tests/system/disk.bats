#!/usr/bin/env bats
# The root file system under work, power cuts, and in turns with Linux; e2fsck is the judge.
# kernels: linux quoin

load helper

# runs COMMAND... in the guest on the disk
on_disk() {
    local disk=$1
    shift
    vm exec --drive "$disk" -- "$@"
}

@test "trees copied, packed, unpacked, moved and removed are whole, and so is the disk" {
    disk=$(fresh_disk)
    run on_disk "$disk" sh -ec '
        mkdir /root/w; cd /root/w
        cp -a /usr /etc /lib .
        find . -type f | sort | xargs sha256sum > ../sums
        tar cf ../a.tar .; mkdir ../x; tar xf ../a.tar -C ../x; rm ../a.tar
        mv ../x ../y; cd ../y; sha256sum -c ../sums > ../result || cat ../result
        mkdir many
        i=0; while [ $i -lt 600 ]; do echo $i > many/a-file-by-number-$i; i=$((i+1)); done
        i=0; while [ $i -lt 600 ]; do rm many/a-file-by-number-$i; i=$((i+2)); done
        ls many | wc -l
        rm -rf ../w
        (exec 5<>../open; rm ../open; echo still there >&5)
        mknod ../null c 1 3; echo void > ../null; mkfifo ../fifo'
    echo "$output"
    [ "$status" = 0 ]
    [ "$output" = 300 ]
    clean "$disk"
    run on_disk "$disk" sh -ec 'cd /root/y; sha256sum -c ../sums > ../result; ls many | wc -l; ls /root'
    echo "$output"
    [ "$status" = 0 ]
    [ "$output" = "$(printf '300\nfifo\nnull\nresult\nsums\ny')" ]
    clean "$disk"
}

@test "a power cut loses nothing that was synced" {
    disk=$(fresh_disk) said=$BATS_TEST_TMPDIR/said
    image/vm exec --kernel "$KERNEL" --timeout 120 --drive "$disk" -- sh -c '
        i=0
        while :; do
            mkdir -p /root/cut
            cp -r /etc /root/cut/etc$i; rm -rf /root/cut/etc$((i-3)); echo $i > /root/cut/last
            [ $((i % 3)) != 0 ] || { sync; echo $i; }
            i=$((i+1))
        done' > "$said" 3>&- &
    launcher=$!
    for _ in $(seq 60); do
        [ "$(wc -l < "$said")" -lt 4 ] || break
        sleep 1
    done
    sleep "0.$((RANDOM % 10))"
    kill -KILL "$(pgrep -P "$launcher" qemu-system)"
    wait "$launcher" || true
    synced=$(tail -n 1 "$said")
    echo "synced: $synced"
    [ "$synced" -ge 9 ]
    run on_disk "$disk" sh -ec 'cat /root/cut/last; diff -r /etc /root/cut/etc'"$synced"' >&2 ||
        [ $(cat /root/cut/last) -gt '"$((synced + 1))"' ]'
    echo "$output"
    [ "$status" = 0 ]
    [ "${lines[0]}" -ge "$synced" ]
    clean "$disk"
}

@test "Linux and Quoin use one disk in turns" {
    [ "$KERNEL" = quoin ] || skip "said once"
    [ -e "$BUILD/linux/vmlinuz" ] || skip "there is no Linux to compare with"
    disk=$(fresh_disk)
    on_disk "$disk" sh -ec 'cp -a /etc /root/quoin; seq 5000 > /root/numbers; ln -s numbers /root/link'
    KERNEL=linux on_disk "$disk" sh -ec 'diff -r /etc /root/quoin; seq 5000 | cmp - /root/link
        mkdir /root/linux; for i in $(seq 400); do echo $i > /root/linux/a-name-of-some-length-$i; done
        rm -r /root/quoin'
    run on_disk "$disk" sh -ec 'ls /root/linux | wc -l; cat /root/linux/a-name-of-some-length-399
        rm /root/linux/*7; ls /root/linux | wc -l; ls /root'
    echo "$output"
    [ "$output" = "$(printf '400\n399\n360\nlink\nlinux\nnumbers')" ]
    clean "$disk"
}

@test "a disk is mounted and unmounted any number of times" {
    other=$BATS_TEST_TMPDIR/other
    truncate -s 8M "$other"
    /sbin/mke2fs -q -t ext4 "$other"
    run vm exec --disk "$other" -- sh -ec '
        umount /mnt 2>/dev/null || :
        for i in $(seq 60); do
            mount -t ext4 /dev/vdb /mnt; echo $i > /mnt/number; umount /mnt
            if mount -t ext4 /dev/vda1 /mnt 2>/dev/null; then exit 1; fi
        done
        mount -t ext4 /dev/vdb /mnt; cat /mnt/number; umount /mnt
        [ ! -e /proc/quoin/tasks ] || grep -c ext4 /proc/quoin/tasks'
    echo "$output"
    [ "$status" = 0 ]
    [ "${lines[0]}" = 60 ]
    [ "$KERNEL" = linux ] || [ "${lines[1]}" = 1 ]
    calm
}
