# shellcheck shell=bash
# The steps by which the cross toolchain is built; sourced by build, which runs each in a shell of its own, in
# $WORK.  A change of the code here gives the toolchain a new key.
#
# The order is the usual one for a C library that the compiler itself must build:
#
#   binutils -> C library and kernel headers -> cc1, gcc -> static libgcc -> musl -> all of libgcc
#
# The static libgcc comes first because libc.so links against it; a shared libgcc needs libc.so.
# shellcheck disable=SC2164  # build runs them with `set -e`

# unpack_package PACKAGE TARBALL SUM DIR: the upstream tarball inside a Debian -source package
unpack_package() {
	local deb
	deb=$("$ROOT/toolchain/debian-fetch" binary "$1") || exit 1
	dpkg-deb --fsys-tarfile "$deb" | tar -xf - --strip-components=4 "./$2"
	sha256_check "${2##*/}" "$3"
	unpack "${2##*/}" "$4"
	rm "${2##*/}"
}

# unpack TARBALL DIR
unpack() {
	rm -rf "$2" && mkdir "$2"
	tar -xf "$1" -C "$2" --strip-components=1
}

# configure DIR ARG...: configure below $WORK/DIR-obj from $WORK/DIR
configure() {
	local dir=$1
	shift
	rm -rf "$dir-obj" && mkdir "$dir-obj" && cd "$dir-obj"
	MAKEINFO=true CFLAGS=$HOST_FLAGS CXXFLAGS=$HOST_FLAGS \
		"../$dir/configure" --target="$TARGET" --prefix="$PREFIX" --with-sysroot="$SYSROOT" "$@"
}

step_fetch() {
	unpack_package "$BINUTILS_PACKAGE" "$BINUTILS_TARBALL" "$BINUTILS_SHA256" binutils
	unpack_package "$GCC_PACKAGE" "$GCC_TARBALL" "$GCC_SHA256" gcc
	local musl
	musl=$("$ROOT/toolchain/debian-fetch" source "$MUSL_PACKAGE" "$MUSL_VERSION")
	sha256_check "$musl" "$MUSL_SHA256"
	unpack "$musl" musl
}

step_binutils() {
	# shellcheck disable=SC2086  # a list of options
	configure binutils $BINUTILS_CONFIG
	make -j"$JOBS" MAKEINFO=true
	make install-strip MAKEINFO=true
}

# The compiler's configuration asks the sysroot's headers what the C library can do
step_headers() {
	local deb
	deb=$("$ROOT/toolchain/debian-fetch" binary "$HEADERS_PACKAGE") || exit 1
	rm -rf headers && mkdir headers && dpkg-deb --extract "$deb" headers
	mkdir -p "$SYSROOT/usr/include" "$SYSROOT/lib"
	mv headers/usr/include/x86_64-linux-gnu/asm headers/usr/include/
	rmdir headers/usr/include/x86_64-linux-gnu
	cp -R headers/usr/include "$SYSROOT/usr/"
	make -C musl ARCH=x86_64 prefix=/usr DESTDIR="$SYSROOT" install-headers
}

gcc_make() {
	make -j"$JOBS" MAKEINFO=true GENERATED_MANPAGES= \
		CFLAGS_FOR_TARGET="$TARGET_FLAGS $(prefix_map gcc)" \
		CXXFLAGS_FOR_TARGET="$TARGET_FLAGS $(prefix_map gcc)" "$@"
}

# gcc_compiler: build and install the compilers proper.  Debian's tarball lacks the generated
# documentation, and the check that it is current (s-tm-texi) fails, in the build or in the
# installation as make's order has it: its stamp is ours to set.
gcc_compiler() {
	gcc_make all-gcc || {
		touch gcc/s-tm-texi
		gcc_make all-gcc
	}
	touch gcc/s-tm-texi
	gcc_make install-strip-gcc
}

# prefix_map DIR: where sources lay while they were compiled is nobody's business later
prefix_map() {
	printf -- '-ffile-prefix-map=%s=/usr/src/quoin/%s' "$WORK/$1" "$1"
}

step_gcc_configure() {
	# shellcheck disable=SC2086  # a list of options
	configure gcc --enable-languages=c $GCC_CONFIG
}

step_gcc() {
	cd gcc-obj
	gcc_compiler
}

step_libgcc_static() {
	cd gcc-obj
	rm -rf "$TARGET/libgcc"
	gcc_make MAKE="make enable_shared=no" all-target-libgcc
	make MAKE="make enable_shared=no" install-target-libgcc
}

step_musl() {
	rm -rf musl-obj && mkdir musl-obj && cd musl-obj
	PATH=$PREFIX/bin:$PATH CROSS_COMPILE=$TARGET- \
		CFLAGS="$TARGET_FLAGS -ffile-prefix-map=../musl=/usr/src/quoin/musl $(prefix_map musl)" \
		../musl/configure --target="$TARGET" --prefix=/usr --libdir=/usr/lib --syslibdir=/lib
	PATH=$PREFIX/bin:$PATH make -j"$JOBS"
	make install DESTDIR="$SYSROOT"
	# The loader is a link to libc.so: relative, so that it holds inside the sysroot too
	ln -sfn ../usr/lib/libc.so "$SYSROOT/lib/ld-musl-x86_64.so.1"
}

step_libgcc() {
	cd gcc-obj
	rm -rf "$TARGET/libgcc"
	gcc_make all-target-libgcc
	make install-target-libgcc
}

# C++ needs a compiler tree configured for it
step_cxx_configure() {
	# shellcheck disable=SC2086  # a list of options
	configure gcc --enable-languages=c,c++ --disable-libstdcxx-pch $GCC_CONFIG
}

step_cxx() {
	cd gcc-obj
	gcc_compiler
}

step_libstdcxx() {
	cd gcc-obj
	gcc_make all-target-libgcc all-target-libstdc++-v3
	make install-target-libgcc install-target-libstdc++-v3
}

step_cxx_check() {
	printf '#include <iostream>\nint main() { std::cout << "hello"; }\n' > hello.cc
	"$PREFIX/bin/$TARGET-g++" -static -o hello hello.cc
	[ "$(./hello)" = hello ]
}

# What must hold of a compiler before it is called finished: both ways of linking
step_check() {
	printf '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n' > hello.c
	"$PREFIX/bin/$TARGET-gcc" -o dynamic hello.c
	"$PREFIX/bin/$TARGET-gcc" -static -o static hello.c
	"$PREFIX/bin/$TARGET-readelf" -l dynamic | grep -F /lib/ld-musl-x86_64.so.1
	[ "$(./static)" = hello ]
	[ "$("$SYSROOT/lib/ld-musl-x86_64.so.1" ./dynamic)" = hello ]
}
