/* SPDX-License-Identifier: MIT */
#ifndef POSIX_FSCLIENT_H
#define POSIX_FSCLIENT_H

void fsclient_init(void); /* registers the types that are served by other tasks */

#endif
