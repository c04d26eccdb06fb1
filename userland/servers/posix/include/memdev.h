/* SPDX-License-Identifier: MIT */
#ifndef POSIX_MEMDEV_H
#define POSIX_MEMDEV_H

void memdev_init(void);

#endif
