/* SPDX-License-Identifier: MIT */
/* Extended attributes: no file has any, but arguments are checked as if one could. */
#include <quoin/runtime.h>

#include "syscall.h"
#include "target.h"
#include "usercopy.h"

#define XATTR_NAME_MAX 255
#define XATTR_SIZE_MAX 65536
#define XATTR_FLAGS    3 /* XATTR_CREATE, XATTR_REPLACE */

/* How the file is named: a path, a path whose last link counts itself, a descriptor. */
enum xattr_by { BY_PATH, BY_LINK, BY_FD };

static long xattr_target(enum xattr_by by, long file)
{
	struct target target;
	int error;

	if (by == BY_FD)
		error = target_fd((int)file, &target);
	else
		error = target_lookup(LINUX_AT_FDCWD, (uint64_t)file,
				      by == BY_LINK ? LINUX_AT_SYMLINK_NOFOLLOW : 0, &target);
	if (!error)
		target_put(&target);
	return error;
}

static long xattr_name(uint64_t user)
{
	char name[XATTR_NAME_MAX + 1];
	long len = strncpy_from_user(name, user, sizeof(name));

	if (len == -ENAMETOOLONG || len == 0)
		return -ERANGE;
	return len < 0 ? len : 0;
}

/* One call on a named attribute: what is wrong with it, or that there is no such thing. */
static long xattr_named(enum xattr_by by, long file, long name)
{
	long error = xattr_target(by, file);

	if (!error)
		error = xattr_name((uint64_t)name);
	return error ? error : -EOPNOTSUPP;
}

static long xattr_set(enum xattr_by by, long file, long name, long size, long flags)
{
	if ((int)flags & ~XATTR_FLAGS)
		return -EINVAL;
	if ((uint64_t)size > XATTR_SIZE_MAX)
		return -E2BIG;
	return xattr_named(by, file, name);
}

#define XATTR_CALLS(prefix, by)                                            \
	long sys_##prefix##setxattr(SYSCALL_ARGS)                          \
	{                                                                  \
		return xattr_set(by, a0, a1, a3, a4);                      \
	}                                                                  \
	long sys_##prefix##getxattr(SYSCALL_ARGS)                          \
	{                                                                  \
		return xattr_named(by, a0, a1);                            \
	}                                                                  \
	long sys_##prefix##removexattr(SYSCALL_ARGS)                       \
	{                                                                  \
		return xattr_named(by, a0, a1);                            \
	}                                                                  \
	long sys_##prefix##listxattr(SYSCALL_ARGS)                         \
	{                                                                  \
		return xattr_target(by, a0); /* 0: a list without names */ \
	}

XATTR_CALLS(, BY_PATH)
XATTR_CALLS(l, BY_LINK)
XATTR_CALLS(f, BY_FD)
