#!/usr/bin/env bats
# The ports framework, on the host: recipes, and the way from a source to a package.

setup() {
	cd "$BATS_TEST_DIRNAME/../.."
	ports=$BATS_TEST_TMPDIR/tree/ports
	mkdir -p "$ports"
	ln -s "$PWD/toolchain" "$PWD/sysroot" "$BATS_TEST_TMPDIR/tree/"
	cp -R ports/port ports/recipe.sh ports/styles "$ports/"
}

# recipe NAME [FIELD=VALUE...]: a good recipe, with the fields changed
recipe() {
	local name=$1 change
	shift
	mkdir -p "$ports/$name"
	printf '%s\n' "name = $name" 'version = 1.0' 'licence = MIT' 'summary = a thing' \
		"source = $name" "sha256 = $(printf '0%.0s' {1..64})" 'style = make' > "$ports/$name/port.conf"
	printf '#!/bin/sh\n' > "$ports/$name/test"
	chmod +x "$ports/$name/test"
	for change; do
		sed -i "/^${change%%=*} =/d" "$ports/$name/port.conf"
		[ -z "${change#*=}" ] || echo "${change%%=*} = ${change#*=}" >> "$ports/$name/port.conf"
	done
}

@test "recipes: all of the tree's are good" {
	run ports/port lint
	[ "$status" = 0 ]
	[ -z "$output" ]
}

@test "recipes: a good one passes" {
	recipe thing
	run "$ports/port" lint thing
	[ "$status" = 0 ]
}

@test "recipes: a misspelt field is named" {
	recipe thing lisence=MIT
	run "$ports/port" lint thing
	[ "$status" = 1 ]
	[[ "$output" == "ports/thing: unknown field 'lisence'" ]]
}

@test "recipes: a missing field, a bad sum and an unknown dependency are named" {
	recipe thing licence= sha256=123 depends=nothing
	run "$ports/port" lint thing
	[ "$status" = 1 ]
	[[ "$output" == *"field 'licence' is missing"* ]]
	[[ "$output" == *"'sha256' has a value of the wrong form"* ]]
	[[ "$output" == *"depends on 'nothing', which is not a port"* ]]
}

@test "recipes: a line that is no field is named by its number" {
	recipe thing
	echo 'rm -rf /' >> "$ports/thing/port.conf"
	run "$ports/port" lint thing
	[ "$status" = 1 ]
	[[ "$output" == *"port.conf:8: not 'field = value'"* ]]
}

@test "recipes: a recipe is data and never runs" {
	recipe thing "summary=\$(touch $BATS_TEST_TMPDIR/ran)"
	run "$ports/port" lint thing
	[ ! -e "$BATS_TEST_TMPDIR/ran" ]
}

@test "recipes: a patch says why" {
	recipe thing
	mkdir "$ports/thing/patches"
	printf -- '--- a/x\n+++ b/x\n' > "$ports/thing/patches/0001-fix.patch"
	run "$ports/port" lint thing
	[ "$status" = 1 ]
	[[ "$output" == *"0001-fix.patch: no 'Why:' header"* ]]
}

@test "dependencies come first, each once" {
	recipe base
	recipe left depends=base
	recipe right depends=base
	recipe top 'depends=left right'
	run "$ports/port" closure top
	[ "$status" = 0 ]
	[ "$output" = $'base\nleft\nright\ntop' ]
}

@test "ports that depend on each other in a ring are refused" {
	recipe egg depends=hen
	recipe hen depends=egg
	run "$ports/port" closure egg
	[ "$status" = 1 ]
	[[ "$output" == *"in a ring: egg hen egg"* ]]
}

@test "an unknown port: one line that says what to do" {
	run "$ports/port" build nothing
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	[[ "$output" == *"make port-new P=nothing"* ]]
}

@test "a source of other contents is refused" {
	recipe thing
	mkdir -p "$BATS_TEST_TMPDIR/cache/sources/thing-1.0"
	echo evil > "$BATS_TEST_TMPDIR/cache/sources/thing-1.0/thing_1.0.orig.tar.gz"
	QUOIN_CACHE=$BATS_TEST_TMPDIR/cache run "$ports/port" fetch thing
	[ "$status" = 1 ]
	[[ "$output" == *"the recipe wants 0000"* ]]
}

# own_cache: a cache without packages, over the toolchain and the sources of the real one
own_cache() {
	local real=${QUOIN_CACHE:-$HOME/.cache/quoin}
	export QUOIN_CACHE=$BATS_TEST_TMPDIR/cache
	mkdir -p "$QUOIN_CACHE"
	ln -s "$real/toolchain" "$real/sources" "$QUOIN_CACHE/"
}

@test "zlib: built twice, in two places, the same bytes; a third tree takes it from the cache" {
	make -s port P=zlib
	cp -R ports/musl ports/zlib "$ports/"
	own_cache
	run "$ports/port" build zlib
	[[ "$output" == *"PORT     zlib"* ]]
	for package in zlib zlib-dev zlib-doc; do
		diff -r "build/packages/$package" "$BATS_TEST_TMPDIR/tree/build/packages/$package"
	done
	cmp build/packages/zlib.pkg "$BATS_TEST_TMPDIR/tree/build/packages/zlib.pkg"
	mv "$BATS_TEST_TMPDIR/tree/build" "$BATS_TEST_TMPDIR/first"
	run "$ports/port" build zlib
	[ -z "$output" ]
	diff -r "$BATS_TEST_TMPDIR/first/packages" "$BATS_TEST_TMPDIR/tree/build/packages"
}

@test "an edit below build/ports becomes a package, and a patch that the recipe applies" {
	cp -R ports/musl ports/zlib "$ports/"
	own_cache
	"$ports/port" dev zlib
	sed -i 's/"incompatible version"/"mended version"/' "$BATS_TEST_TMPDIR/tree/build/ports/zlib/src/zutil.c"
	"$ports/port" dev zlib
	grep -q "mended version" "$BATS_TEST_TMPDIR/tree/build/packages/zlib/usr/lib/libz.so.1"
	"$ports/port" diff zlib mend
	[ "$(grep -c "^[-+] " "$ports/zlib/patches/0001-mend.patch")" = 2 ]
	run "$ports/port" build zlib
	[[ "$output" == *"no 'Why:' header"* ]]
	sed -i 's/^Why: /Why: to try it/' "$ports/zlib/patches/0001-mend.patch"
	"$ports/port" build zlib
	grep -q "mended version" "$BATS_TEST_TMPDIR/tree/build/packages/zlib/usr/lib/libz.so.1"
}

@test "musl: the recipe and the sysroot name the same version" {
	. sysroot/musl/recipe.conf
	grep -qx "version   = $MUSL_VERSION" ports/musl/port.conf
}
