# Reads the heads of tests/unit/*.c and tests/fuzz/*.c and writes make's rules for these programs of the host.
#
# A head says what the program is made of: "// sources:" with patterns, "// flags:" for the compiler, "// libs:" for
# the linker.  Programs of one tier with the same flags share the objects of their sources.

FNR == 1 { end_program(); file = FILENAME; sources = flags = libs = "" }
FNR > 10 { next }
sub(/^\/\/ sources: /, "") { sources = sources " " $0 }
sub(/^\/\/ flags: /, "") { flags = flags " " $0 }
sub(/^\/\/ libs: /, "") { libs = libs " " $0 }
END { end_program() }

function end_program(    program, compiler, objects) {
	if (file == "")
		return
	program = substr(file, 1, length(file) - 2)
	compiler = file ~ /^tests\/fuzz\// ? "$(FUZZCC) $(FUZZ_CFLAGS)" : "$(HOSTCC) $(UNIT_CFLAGS)"
	objects = (file ~ /^tests\/fuzz\// ? "fuzz" : "unit") flags
	gsub(/[^A-Za-z0-9]+/, "_", objects)
	objects = "$(BUILD)/tests/objects/" objects
	if (!(objects in written)) {
		written[objects]
		print objects "/%.o: %.c | $(ABI_HEADERS) $(GENERATED)"
		print "\t@mkdir -p $(@D)"
		print "\t$(call say,HOSTCC,$@)"
		print "\t$(Q)" compiler " " flags " -MMD -MP -c -o $@ $<"
	}
	print "objects := $(patsubst %.c," objects "/%.o," file " $(wildcard " sources "))"
	print "HOST_OBJECTS += $(objects)"
	print "$(BUILD)/" program ": $(objects)"
	print "\t@mkdir -p $(@D)"
	print "\t$(call say,HOSTLD,$@)"
	print "\t$(Q)" compiler " -o $@ $^ " libs "\n"
}
