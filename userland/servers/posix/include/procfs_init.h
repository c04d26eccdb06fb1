/* SPDX-License-Identifier: MIT */
#ifndef POSIX_PROCFS_INIT_H
#define POSIX_PROCFS_INIT_H

void procfs_init(void); /* registers the types proc and sysfs */

#endif
