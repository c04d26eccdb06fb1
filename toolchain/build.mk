# The machine's packages, the cross toolchain, the linters.
#
# CROSS          the prefix of the cross tools: $(CROSS)gcc, $(CROSS)ld, $(CROSS)addr2line ...
# CROSS_READY    what rules that use $(CROSS) name as an order-only prerequisite: it builds the
#                toolchain when the cache lacks it.  `make CROSS=` uses the host's tools instead.

TOOLCHAIN := $(shell toolchain/cross/build --where)
CROSS_READY := $(if $(filter command,$(origin CROSS)),,$(TOOLCHAIN)/complete)
CROSS := $(TOOLCHAIN)/bin/x86_64-quoin-linux-musl-

.PHONY: setup toolchain toolchain-c++ format lint

setup: ## install the Debian packages that are missing
	$(Q)toolchain/setup

toolchain: $(TOOLCHAIN)/complete ## the cross compiler, built once into the cache
	@echo "$(CROSS)gcc"

toolchain-c++: $(TOOLCHAIN)/complete-cxx

$(TOOLCHAIN)/complete: | setup
	$(Q)toolchain/cross/build

$(TOOLCHAIN)/complete-cxx: | $(TOOLCHAIN)/complete
	$(Q)toolchain/cross/build --cxx

format: ## give all C code its layout (.clang-format)
	$(Q)git ls-files -z '*.c' '*.h' | xargs -0 clang-format -i

lint: ## check scripts, the layout of C, and port recipes
	$(Q)toolchain/lint
	$(Q)ports/port lint
