# What every native task is linked with.
$(call native_library,runtime,$(addprefix userland/lib/runtime/,start.S thread.c ipc.c sync.c format.c log.c pages.c malloc.c rbtree.c))
