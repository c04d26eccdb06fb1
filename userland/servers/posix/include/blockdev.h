/* SPDX-License-Identifier: MIT */
#ifndef POSIX_BLOCKDEV_H
#define POSIX_BLOCKDEV_H

int blockdev_init(void);
/* Asks devmgr for disks, waits for their drivers, registers them and their partitions. */
void blockdev_probe(void);

#endif
