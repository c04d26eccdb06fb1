#!/usr/bin/env bats
# The set-up and the cross toolchain, on the host.

setup() {
	cd "$BATS_TEST_DIRNAME/../.."
	etc=$BATS_TEST_TMPDIR/etc
	mkdir -p "$etc/sources.list.d"
}

# sources: what is derived from $etc for Debian 12
sources() {
	run toolchain/debian-sources "$etc" bookworm
}

@test "sources: one-line entries keep mirror, key and suites" {
	cat > "$etc/sources.list" <<-'END'
		# a comment
		deb http://mirror.example/debian bookworm main contrib non-free-firmware # trailing
		deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian-security bookworm-security main
	END
	sources
	[ "$status" = 0 ]
	[[ "$output" == *"Types: deb deb-src"*"URIs: http://mirror.example/debian"* ]]
	[[ "$output" == *"Suites: bookworm-security"* ]]
	[[ "$output" == *"Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg"* ]]
	[[ "$output" != *contrib* ]]
}

@test "sources: deb822 stanzas, with a disabled one and continued lines" {
	cat > "$etc/sources.list.d/debian.sources" <<-'END'
		Types: deb
		URIs: http://mirror.example/debian
		Suites: bookworm bookworm-updates bookworm-backports
		Components: main
		  contrib
		Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

		Enabled: no
		Types: deb
		URIs: http://disabled.example/debian
		Suites: bookworm
		Components: main
	END
	sources
	[ "$status" = 0 ]
	[[ "$output" == *"Suites: bookworm bookworm-updates"* ]]
	[[ "$output" != *backports* ]]
	[[ "$output" != *disabled* ]]
}

@test "sources: other vendors' archives are left out" {
	cat > "$etc/sources.list.d/debian.list" <<-'END'
		deb http://mirror.example/debian bookworm main
	END
	cat > "$etc/sources.list.d/vendor.list" <<-'END'
		deb [signed-by=/usr/share/keyrings/vendor.gpg] http://vendor.example/debian bookworm main
		deb http://other.example/repo cloud-sdk-bookworm main
		deb http://third.example/linux/debian bookworm stable
	END
	cat > "$etc/sources.list.d/fourth.sources.disabled" <<-'END'
		Types: deb
		URIs: http://fourth.example/debian
		Suites: bookworm
		Components: main
	END
	sources
	[ "$status" = 0 ]
	[[ "$output" == *mirror.example* ]]
	[[ "$output" != *vendor.example* && "$output" != *other.example* ]]
	[[ "$output" != *third.example* && "$output" != *fourth.example* ]]
}

@test "sources: without a Debian archive, one line says what to add" {
	sources
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	[[ "$output" == *"add a line"* ]]
}

@test "setup: nothing is missing here, and the answer is quick" {
	began=${EPOCHREALTIME/./}
	run toolchain/setup
	[ "$status" = 0 ]
	[ -z "$output" ]
	[ $((${EPOCHREALTIME/./} - began)) -lt 3000000 ]
}

@test "setup: every package has its reason" {
	! grep -v -e '^#' -e '^$' -e '^[a-z0-9.+-]*  *# .' toolchain/packages.list
}

@test "setup: without root and sudo, one line says what to run" {
	local bin=$BATS_TEST_TMPDIR/bin tool
	mkdir -p "$BATS_TEST_TMPDIR/tree/toolchain" "$bin"
	cp toolchain/setup toolchain/lib.sh "$BATS_TEST_TMPDIR/tree/toolchain"
	echo "no-such-package   # to be missing" > "$BATS_TEST_TMPDIR/tree/toolchain/packages.list"
	for tool in bash sed sort comm dpkg-query mkdir dirname cat env grep tail; do
		ln -s "$(command -v $tool)" "$bin/"
	done
	printf '#!/bin/bash\necho 1000\n' > "$bin/id"
	chmod +x "$bin/id"
	PATH=$bin QUOIN_CACHE=$BATS_TEST_TMPDIR/cache run "$BATS_TEST_TMPDIR/tree/toolchain/setup"
	[ "$status" = 1 ]
	[[ "$output" == *"as root run: apt-get install no-such-package"* ]]
}

@test "toolchain: the compiler makes static and dynamic programs" {
	gcc=$(make -s toolchain)
	echo 'int main(void) { return 7; }' > "$BATS_TEST_TMPDIR/seven.c"
	"$gcc" -o "$BATS_TEST_TMPDIR/dynamic" "$BATS_TEST_TMPDIR/seven.c"
	"$gcc" -static -o "$BATS_TEST_TMPDIR/static" "$BATS_TEST_TMPDIR/seven.c"
	run "$BATS_TEST_TMPDIR/static"
	[ "$status" = 7 ]
	run readelf -lh "$BATS_TEST_TMPDIR/dynamic"
	[[ "$output" == *"/lib/ld-musl-x86_64.so.1"* ]]
	[[ "$output" == *"DYN (Position-Independent Executable file)"* ]]
}

@test "toolchain: its key follows the recipe's code, not its comments" {
	cp -R toolchain sysroot "$BATS_TEST_TMPDIR/"
	export QUOIN_CACHE=$BATS_TEST_TMPDIR/cache
	before=$("$BATS_TEST_TMPDIR/toolchain/cross/build" --where)
	echo "# a remark" >> "$BATS_TEST_TMPDIR/toolchain/cross/recipe.conf"
	[ "$("$BATS_TEST_TMPDIR/toolchain/cross/build" --where)" = "$before" ]
	echo "TARGET_FLAGS=-O3" >> "$BATS_TEST_TMPDIR/toolchain/cross/recipe.conf"
	[ "$("$BATS_TEST_TMPDIR/toolchain/cross/build" --where)" != "$before" ]
}
