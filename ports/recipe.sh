# shellcheck shell=bash
# A port's recipe: reading port.conf, and judging it.
#
# A recipe is data, never run: lines of `field = value`, `#` comments, and indented lines which go
# on with the value above.  The fields, and what they must look like, are this table; a field that
# is not in it is an error, so a misspelt one cannot pass unnoticed.
#
# Sourced by ports/port.  Fields arrive in the associative array `recipe`.

declare -A RECIPE_FIELDS=(
	# field     pattern of a value
	[name]='[a-z0-9][a-z0-9+.-]*'
	[version]='[0-9A-Za-z][0-9A-Za-z.+~]*'
	[licence]='[A-Za-z0-9][A-Za-z0-9.+ ()-]*'
	[summary]='.{1,72}'
	[source]='[a-z0-9][a-z0-9+.-]*'
	[sha256]='[0-9a-f]{64}'
	[depends]='[a-z0-9+. -]*'
	[style]='[a-z0-9]+'
	[language]='(c|c\+\+)'
	[configure]='.*'
	[build]='.*'
	[install]='.*'
	[cflags]='.*'
	[remove]='.*'
	[setuid]='.*'
)
RECIPE_NEEDED=(name version licence summary source style)

# recipe_read FILE: fills `recipe`; prints what is wrong and fails if a line is not of the form
recipe_read() {
	local file=$1 line field='' number=0
	declare -gA recipe=()
	while IFS= read -r line || [ -n "$line" ]; do
		number=$((number + 1))
		case "$line" in
		'' | '#'*) ;;
		[[:space:]]*)
			[ -n "$field" ] || { echo "$file:$number: nothing to go on with"; return 1; }
			line=${line#"${line%%[![:space:]]*}"}
			recipe[$field]+=${recipe[$field]:+ }$line
			;;
		*)
			[[ $line =~ ^([a-z0-9]+)\ *=\ *(.*)$ ]] ||
				{ echo "$file:$number: not 'field = value'"; return 1; }
			field=${BASH_REMATCH[1]}
			[ -z "${recipe[$field]+set}" ] ||
				{ echo "$file:$number: '$field' a second time"; return 1; }
			recipe[$field]=${BASH_REMATCH[2]%"${BASH_REMATCH[2]##*[![:space:]]}"}
			;;
		esac
	done < "$file"
}

# recipe_style DIR: the file with the style's two functions; `own` lies beside the recipe
recipe_style() {
	case "${recipe[style]:-}" in
	own) echo "$1/style" ;;
	*) echo "${1%/*}/styles/${recipe[style]:-}" ;;
	esac
}

# recipe_judge DIR: prints each thing wrong with the recipe read from DIR/port.conf
recipe_judge() {
	local dir=$1 field file depend
	for field in "${!recipe[@]}"; do
		if [ -z "${RECIPE_FIELDS[$field]:-}" ]; then
			echo "unknown field '$field'"
		elif ! [[ ${recipe[$field]} =~ ^${RECIPE_FIELDS[$field]}$ ]]; then
			echo "'$field' has a value of the wrong form: ${recipe[$field]}"
		fi
	done
	for field in "${RECIPE_NEEDED[@]}"; do
		[ -n "${recipe[$field]:-}" ] || echo "field '$field' is missing"
	done
	# What the toolchain has made was verified when it was built
	[ "${recipe[source]:-}" = toolchain ] || [ -n "${recipe[sha256]:-}" ] ||
		echo "field 'sha256' is missing"
	[ "${recipe[name]:-}" = "${dir##*/}" ] || echo "name differs from the folder's, ${dir##*/}"
	[ -f "$(recipe_style "$dir")" ] || echo "no style '${recipe[style]:-}' in ports/styles"
	for depend in ${recipe[depends]:-}; do
		[ -f "$PORTS/$depend/port.conf" ] || echo "depends on '$depend', which is not a port"
	done
	[ -x "$dir/test" ] || echo "no executable 'test'"
	for file in "$dir"/patches/*; do
		[ -e "$file" ] || continue
		patch_judge "$file"
	done
}

# patch_judge FILE: a patch says why it exists, and sorts into an order
patch_judge() {
	[[ ${1##*/} =~ ^[0-9]{4}-[a-z0-9.-]+\.patch$ ]] || echo "${1##*/}: not named NNNN-what.patch"
	grep -q '^Why: .' "$1" || echo "${1##*/}: no 'Why:' header"
	grep -q '^--- ' "$1" || echo "${1##*/}: holds no difference"
}
