# Makes the table of function names that panics print from, out of `nm -n`: offsets from KERNEL_IMAGE,
# ascending, and the names in the same order, each ended by a NUL.
BEGIN {
	print "\t.section .symbols, \"a\""
	print "\t.globl symbol_offsets, symbol_names, symbol_count"
	print "\t.balign 4\nsymbol_offsets:"
}
$2 ~ /^[tT]$/ && $1 ~ /^ffffffff8/ {
	name[n++] = $3
	printf "\t.long 0x%s\n", substr($1, 10) # without the leading ffffffff8
}
END {
	print "symbol_names:"
	for (i = 0; i < n; i++)
		printf "\t.asciz \"%s\"\n", name[i]
	print "\t.balign 4\nsymbol_count:\n\t.long " n + 0
}
