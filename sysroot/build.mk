# What programs are compiled against: the interfaces in abi/ and the musl port.  Each has its own
# fragment.

include $(wildcard sysroot/*/build.mk sysroot/abi/*/build.mk)
