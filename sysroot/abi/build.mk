# Headers generated from the contracts: kernel calls (quoin/) and server protocols (proto/).

ABI_GENERATOR := toolchain/generators/abi.py
ABI_PROTOS := $(wildcard sysroot/abi/proto/*.proto)
ABI_HEADERS := $(GEN)/quoin/calls.h $(GEN)/quoin/stubs.h $(GEN)/quoin/dispatch.h \
	$(ABI_PROTOS:sysroot/abi/proto/%.proto=$(GEN)/proto/%.h)
ABI_INCLUDES := -I$(GEN) -Isysroot/abi

.PHONY: abi-headers
abi-headers: $(ABI_HEADERS)

$(GEN)/quoin/calls.h: sysroot/abi/quoin/calls.tbl $(ABI_GENERATOR)
	$(call say,GEN,$(GEN)/quoin)
	$(Q)python3 $(ABI_GENERATOR) calls $< $(GEN)

$(GEN)/quoin/stubs.h $(GEN)/quoin/dispatch.h: $(GEN)/quoin/calls.h

$(GEN)/proto/%.h: sysroot/abi/proto/%.proto $(ABI_GENERATOR)
	$(call say,GEN,$@)
	$(Q)python3 $(ABI_GENERATOR) proto $< $(GEN)
