#!/usr/bin/env bats
# kernels: linux quoin
# What the ports tree and the cross compiler make, tried in the guest.  The image holds few ports; the
# others are copied in.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.."
	added=$BATS_TEST_TMPDIR/added
	mkdir -p "$added/root" "$added/tests"
}

# in_image PORT: is it on the image already?
in_image() {
	sed 's/#.*//' image/packages.conf | grep -qwx "$1"
}

@test "every port passes its test" {
	for recipe in ports/*/port.conf; do
		port=$(basename "$(dirname "$recipe")")
		make -s port P="$port"
		cp "ports/$port/test" "$added/tests/$port"
		in_image "$port" || cp -a "build/packages/$port/." "$added/root/"
	done
	run image/vm exec --kernel "${KERNEL:-linux}" --timeout 240 --add "$added" -- sh -c '
		cp -a /mnt/root/. /
		for test in /mnt/tests/*; do
			$test || echo "failed: ${test##*/}"
		done'
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" != *failed:* ]]
}

@test "programs of the cross compiler run: dynamic, static, and not position-independent" {
	gcc=$(make -s toolchain)
	echo '#include <stdio.h>
	int main(int argc, char **argv) { return printf("hello from %s\n", argv[argc - 1]) < 0; }' \
		> "$added/hello.c"
	"$gcc" -o "$added/dynamic" "$added/hello.c"
	"$gcc" -static -o "$added/static" "$added/hello.c"
	"$gcc" -static -no-pie -o "$added/fixed" "$added/hello.c"
	run --separate-stderr image/vm exec --kernel "${KERNEL:-linux}" --timeout 240 --add "$added" -- \
		sh -c 'cd /mnt && for kind in dynamic static fixed; do ./$kind $kind; done'
	[ "$status" = 0 ]
	[ "$output" = $'hello from dynamic\nhello from static\nhello from fixed' ]
}
