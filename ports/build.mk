# Ported software: one package a port, by ports/port.  See docs/howto/port.md.
#
# $(BUILD)/packages/NAME.pkg is what others depend on; the staged files lie beside it in NAME/.
# PORTS holds the names of all ports.

# `ports` itself: its date tells that a port came or went
PORT_RECIPES := ports $(wildcard ports/*/port.conf)

-include $(BUILD)/ports/rules.mk
$(BUILD)/ports/rules.mk: $(PORT_RECIPES) ports/port ports/recipe.sh ports/build.mk
	@mkdir -p $(@D)
	@ports/port rules > $@

$(BUILD)/packages/%.pkg: ports/port ports/recipe.sh $(CROSS_READY)
	$(Q)ports/port build $*

.PHONY: port port-new port-dev port-diff ports-fetch

port: | $(CROSS_READY) ## build one port: P=busybox
	$(if $(P),,$(error name the port: make port P=busybox))
	$(Q)ports/port build $(P)
	$(call say,PACKAGE,$(BUILD)/packages/$(P))

port-new: | setup ## begin the recipe of a port: P=less
	$(if $(P),,$(error name the port: make port-new P=less))
	$(Q)ports/port new $(P)

port-dev: | $(CROSS_READY) ## build a port from build/ports/P/src as edited there: P=less
	$(if $(P),,$(error name the port: make port-dev P=busybox))
	$(Q)ports/port dev $(P)

port-diff: ## make a patch of edits below build/ports/P/src: P=less WHAT=fix-tabs
	$(if $(and $(P),$(WHAT)),,$(error name port and patch: make port-diff P=less WHAT=fix-tabs))
	$(Q)ports/port diff $(P) $(WHAT)

ports-fetch: | setup ## get the sources of all ports, to build without a network later
	$(Q)ports/port fetch
