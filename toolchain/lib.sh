# shellcheck shell=bash
# What the scripts of the build share: where caches live, one way to speak, one way to fail.
# Sourced, never run.
# shellcheck disable=SC2034  # used by those who source it

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${QUOIN_CACHE:-${HOME:?set HOME or QUOIN_CACHE: the caches live there}/.cache/quoin}
TARGET=x86_64-quoin-linux-musl
export LC_ALL=C

# Called from our make or from a shell with preferences, what is built here must not see them: our
# make runs without built-in rules, and many Makefiles of others need those
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES V BUILD CROSS \
	CC CXX CPP LD AS AR RANLIB CFLAGS CXXFLAGS CPPFLAGS LDFLAGS

# say VERB WORDS...: the short progress line, in the shape make's own have
say() {
	local verb=$1
	shift
	printf '  %-8s %s\n' "$verb" "$*" >&2
}

# die WORDS...: one line that says what is wrong and what to do
die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# sha256_of FILE
sha256_of() {
	local sum
	sum=$(sha256sum "$1") && printf '%s\n' "${sum%% *}"
}

# sha256_check FILE SUM: FILE is what the recipe was written for, or nothing goes on
sha256_check() {
	local sum
	sum=$(sha256_of "$1") || die "cannot read $1"
	[ "$sum" = "$2" ] && return
	die "${1##*/} has SHA-256 $sum, the recipe wants $2: delete it and fetch again"
}

# lock_take FILE: one builder at a time; the lock ends with the process
lock_take() {
	mkdir -p "$(dirname "$1")"
	exec 9> "$1"
	flock -n 9 && return
	say WAIT "another build holds ${1##*/}"
	flock 9
}
