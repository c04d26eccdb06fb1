# The guest agent: a static program, so that it runs whatever the root file system lacks.

agent-source := userland/bin/agent
agent-program := $(BUILD)/packages/agent/usr/sbin/agent

$(agent-program): $(agent-source)/agent.c $(agent-source)/protocol.h | $(CROSS_READY)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CROSS)gcc -std=gnu11 -static -Os -s -Wall -Wextra -Werror -o $@ $<

$(BUILD)/packages/agent.pkg: $(agent-program)
	$(Q)echo "agent 1" > $@
