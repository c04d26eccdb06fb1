#!/usr/bin/env bats
# Nothing is lost: each area of the guest tests runs twice, and the second run leaves as many kernel
# objects and free pages behind as the first.  A leak loses each time, a cache that grows does not: an
# area that seems to lose runs up to three times more.
# kernels: quoin

load helper

MAX_OBJECTS=8 # threads that wait in the server's pool come and go
MAX_PAGES=1024 # heaps and caches of metadata breathe; the page cache keeps 512 free pages warm

@test "kernel objects and free pages are back after each area of the guest tests" {
    local add=$BATS_TEST_TMPDIR/add area objects pages objects2 pages2 lost=0
    mkdir "$add"
    make -s posix-tests
    # Not the area that is long on purpose
    find "$BUILD/tests/posix" -maxdepth 1 -type f -perm -u+x ! -name stress -exec cp {} "$add/" \;
    vm exec --smp 2 --timeout 900 --add "$add" -- env objects=$MAX_OBJECTS pages=$MAX_PAGES sh -c '
        count() {
            sync # deleted files go when nothing is to be written back
            usleep 500000
            awk "/^objects/ { objects = \$2 } /^(free|cached)_pages/ { pages += \$2 }
                END { printf \" %d %d\", objects, pages }" /proc/quoin/stats
        }
        for program in /mnt/*; do
            [ -f $program ] || continue
            $program > /dev/null 2>&1 < /dev/null; after=$(count)
            for try in 1 2 3 4; do
                before=$after
                $program > /dev/null 2>&1 < /dev/null; after=$(count)
                set -- $before $after
                [ $(($3 - $1)) -gt $objects ] || [ $(($2 - $4)) -gt $pages ] || break
            done
            echo "${program##*/}$before$after"
        done' > "$BATS_TEST_TMPDIR/counts"
    [ -s "$BATS_TEST_TMPDIR/counts" ]
    while read -r area objects pages objects2 pages2; do
        if [ $((objects2 - objects)) -gt $MAX_OBJECTS ] || [ $((pages - pages2)) -gt $MAX_PAGES ]; then
            echo "$area: $objects objects became $objects2, $pages free pages became $pages2"
            lost=1
        fi
    done < "$BATS_TEST_TMPDIR/counts"
    cat "$BATS_TEST_TMPDIR/counts"
    [ "$lost" = 0 ]
    calm
}
