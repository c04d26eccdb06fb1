# Quoin: the menu.  Every folder brings its own build.mk; this file only joins them.
#
# Conventions every build.mk follows:
#   - all output lands below $(BUILD); nothing is written into the source folders
#   - $(Q) hides a command, $(call say,CC,path) prints the short line instead; V=1 shows all
#   - files under $(GEN) are generated from sysroot/abi by toolchain/generators
#   - $(CROSS)gcc is the cross compiler; the host compiler ($(HOSTCC)) builds only host tools and
#     host unit tests

MAKEFLAGS += --no-builtin-rules --no-print-directory
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

BUILD := build
GEN := $(BUILD)/gen
HOSTCC := gcc

Q := $(if $(V),,@)
say = @printf '  %-8s %s\n' '$(1)' '$(2)'

# Verbs that a person types on a machine that may lack anything: first of all install what is missing.
SETUP_FOR := all run image linux test kernel native toolchain port gdb lint bench profile
ifneq ($(filter $(SETUP_FOR),$(or $(MAKECMDGOALS),all)),)
ifneq ($(shell toolchain/setup >&2 && echo ready),ready)
$(error the set-up failed)
endif
endif

FRAGMENTS := toolchain sysroot kernel userland ports image tests docs
include $(wildcard $(FRAGMENTS:%=%/build.mk))

.PHONY: all clean help
all: ## build everything the image needs

clean: ## remove build output (the caches outside the tree stay)
	rm -rf $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' \
	    Makefile $(wildcard $(FRAGMENTS:%=%/build.mk)) | sort -u
