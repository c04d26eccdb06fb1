/* SPDX-License-Identifier: MIT */
/* Sockets: families, types, addresses, messages and options. */
#ifndef ABI_LINUX_SOCKET_H
#define ABI_LINUX_SOCKET_H

#include <stdint.h>

#define LINUX_AF_UNSPEC  0
#define LINUX_AF_UNIX    1
#define LINUX_AF_INET    2
#define LINUX_AF_INET6   10
#define LINUX_AF_NETLINK 16
#define LINUX_AF_PACKET  17

#define LINUX_SOCK_STREAM    1
#define LINUX_SOCK_DGRAM     2
#define LINUX_SOCK_RAW       3
#define LINUX_SOCK_SEQPACKET 5
#define LINUX_SOCK_TYPE_MASK 0xf
#define LINUX_SOCK_NONBLOCK  00004000
#define LINUX_SOCK_CLOEXEC   02000000

#define LINUX_IPPROTO_IP   0
#define LINUX_IPPROTO_ICMP 1
#define LINUX_IPPROTO_TCP  6
#define LINUX_IPPROTO_UDP  17
#define LINUX_IPPROTO_IPV6 41

/* Addresses. */
#define LINUX_UNIX_PATH_MAX 108

struct linux_sockaddr {
	uint16_t sa_family;
	uint8_t sa_data[14];
};

struct linux_sockaddr_un {
	uint16_t sun_family;
	char sun_path[LINUX_UNIX_PATH_MAX];
};

struct linux_sockaddr_in { /* port and address in network order */
	uint16_t sin_family;
	uint16_t sin_port;
	uint32_t sin_addr;
	uint8_t pad[8];
};

struct linux_sockaddr_in6 {
	uint16_t sin6_family;
	uint16_t sin6_port;
	uint32_t sin6_flowinfo;
	uint8_t sin6_addr[16];
	uint32_t sin6_scope_id;
};

struct linux_sockaddr_storage {
	uint16_t ss_family;
	uint8_t data[126];
};

/* Messages. */
struct linux_msghdr {
	uint64_t msg_name;
	uint32_t msg_namelen;
	uint32_t pad_1;
	uint64_t msg_iov;
	uint64_t msg_iovlen;
	uint64_t msg_control;
	uint64_t msg_controllen;
	uint32_t msg_flags;
	uint32_t pad_2;
};

struct linux_mmsghdr {
	struct linux_msghdr msg_hdr;
	uint32_t msg_len;
	uint32_t pad;
};

struct linux_cmsghdr {     /* the data follow; each is padded to 8 bytes */
	uint64_t cmsg_len; /* header and data */
	int32_t cmsg_level;
	int32_t cmsg_type;
};

struct linux_ucred {
	int32_t pid;
	uint32_t uid;
	uint32_t gid;
};

#define LINUX_SCM_RIGHTS      1
#define LINUX_SCM_CREDENTIALS 2
#define LINUX_SCM_MAX_FD      253

#define LINUX_MSG_OOB          0x1
#define LINUX_MSG_PEEK         0x2
#define LINUX_MSG_DONTROUTE    0x4
#define LINUX_MSG_CTRUNC       0x8
#define LINUX_MSG_TRUNC        0x20
#define LINUX_MSG_DONTWAIT     0x40
#define LINUX_MSG_EOR          0x80
#define LINUX_MSG_WAITALL      0x100
#define LINUX_MSG_NOSIGNAL     0x4000
#define LINUX_MSG_MORE         0x8000
#define LINUX_MSG_WAITFORONE   0x10000
#define LINUX_MSG_CMSG_CLOEXEC 0x40000000

#define LINUX_SHUT_RD   0
#define LINUX_SHUT_WR   1
#define LINUX_SHUT_RDWR 2

#define LINUX_SOMAXCONN 4096

/* Options. */
struct linux_linger {
	int32_t l_onoff;
	int32_t l_linger;
};

#define LINUX_SOL_SOCKET 1

#define LINUX_SO_DEBUG      1
#define LINUX_SO_REUSEADDR  2
#define LINUX_SO_TYPE       3
#define LINUX_SO_ERROR      4
#define LINUX_SO_DONTROUTE  5
#define LINUX_SO_BROADCAST  6
#define LINUX_SO_SNDBUF     7
#define LINUX_SO_RCVBUF     8
#define LINUX_SO_KEEPALIVE  9
#define LINUX_SO_OOBINLINE  10
#define LINUX_SO_LINGER     13
#define LINUX_SO_REUSEPORT  15
#define LINUX_SO_PASSCRED   16
#define LINUX_SO_PEERCRED   17
#define LINUX_SO_RCVLOWAT   18
#define LINUX_SO_SNDLOWAT   19
#define LINUX_SO_RCVTIMEO   20
#define LINUX_SO_SNDTIMEO   21
#define LINUX_SO_ACCEPTCONN 30
#define LINUX_SO_PROTOCOL   38
#define LINUX_SO_DOMAIN     39

#define LINUX_TCP_NODELAY   1
#define LINUX_TCP_MAXSEG    2
#define LINUX_TCP_CORK      3
#define LINUX_TCP_KEEPIDLE  4
#define LINUX_TCP_KEEPINTVL 5
#define LINUX_TCP_KEEPCNT   6

_Static_assert(sizeof(struct linux_sockaddr_un) == 110, "struct linux_sockaddr_un");
_Static_assert(sizeof(struct linux_sockaddr_in) == 16, "struct linux_sockaddr_in");
_Static_assert(sizeof(struct linux_sockaddr_in6) == 28, "struct linux_sockaddr_in6");
_Static_assert(sizeof(struct linux_msghdr) == 56, "struct linux_msghdr");
_Static_assert(sizeof(struct linux_mmsghdr) == 64, "struct linux_mmsghdr");
_Static_assert(sizeof(struct linux_cmsghdr) == 16, "struct linux_cmsghdr");

#endif
