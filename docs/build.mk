# The generated pages of docs/interfaces: committed, so that they can be read without a build.
#
# `make docs` writes them anew; the test tests/system/docs.bats fails when they are out of date.

DOC_PAGES := kernel-calls $(patsubst sysroot/abi/proto/%.proto,proto-%,$(ABI_PROTOS))

.PHONY: docs
docs: $(ABI_HEADERS) ## write the generated pages of docs/interfaces
	$(Q)for page in $(DOC_PAGES); do cp $(GEN)/docs/$$page.md docs/interfaces/; done
