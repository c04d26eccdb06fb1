$(call native_program,devmgr,$(wildcard userland/servers/devmgr/*.c))
