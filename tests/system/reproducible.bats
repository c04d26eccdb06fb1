#!/usr/bin/env bats
# The same commit gives the same bytes, wherever and by whomever it is built.  (The image is made twice in
# image.bats, a port in ports.bats.)  Needs the image.

load helper

@test "kernel, servers and image of a copy of the tree in another folder are the same" {
    local copy=$BATS_TEST_TMPDIR/elsewhere/a-longer-name/quoin file
    mkdir -p "$copy"
    git ls-files -z | xargs -0 cp --parents -t "$copy"
    (cd "$copy" && umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 make -s build/quoin.img)
    for file in kernel/quoin.elf userland/{posix,ext4,devmgr,uart,virtio-blk} boot/archive.cpio quoin.img; do
        cmp "$BUILD/$file" "$copy/build/$file"
    done
}
