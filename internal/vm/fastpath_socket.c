//go:build linux

/*
 * The fast path's transfers: read, write, readv, writev, send and recv on whatever the descriptor
 * is: a file, a socket, a pipe or a ring. Host descriptors of sockets and pipes never block; where
 * the guest's may, the wait is fp_ready's.
 */
#include "fastpath_linux.h"

/*
 * A transfer on a stream whose host descriptor never blocks. If the guest's may, the wait happens
 * here when the host's readiness is the guest's, and a write goes on until all is written, as a
 * blocking one does.
 */
static int32_t fp_stream(struct fastpath *l, uint32_t flags, int host, bool write, bool wait, struct iovec *v, int n,
	uint64_t total, int msgflags)
{
	uint64_t done = 0;
	long r;

	for (;;) {
		if (flags & FASTPATH_SOCKET) {
			struct msghdr h = {.msg_iov = v, .msg_iovlen = (size_t)n};
			int f = msgflags | MSG_DONTWAIT | MSG_NOSIGNAL;
			if (n == 1 && write)
				r = sys6(SYS_sendto, host, (long)v->iov_base, (long)v->iov_len, f, 0, 0);
			else if (n == 1)
				r = sys6(SYS_recvfrom, host, (long)v->iov_base, (long)v->iov_len, f, 0, 0);
			else
				r = sys3(write ? SYS_sendmsg : SYS_recvmsg, host, (long)&h, f);
		} else if (n == 1) {
			r = sys3(write ? SYS_write : SYS_read, host, (long)v->iov_base, (long)v->iov_len);
		} else {
			r = sys3(write ? SYS_writev : SYS_readv, host, (long)v, n);
		}
		if (__builtin_expect(r >= 0, 1)) {
			done += (uint64_t)r;
			if (!write || !wait || done >= total)
				return (int32_t)done;
			while (n > 0 && (uint64_t)r >= v->iov_len) {
				r -= (long)v->iov_len;
				v++;
				n--;
			}
			v->iov_base = (char *)v->iov_base + r;
			v->iov_len -= (size_t)r;
			continue;
		}
		if (r == -EINTR)
			continue;
		if (r != -EAGAIN || !wait) {
			/* The signal that comes with EPIPE is the kernel's business. */
			if (r == -EPIPE && !(msgflags & MSG_NOSIGNAL))
				r = ASK;
			break;
		}
		if (!(flags & FASTPATH_POLL)) {
			r = ASK;
			break;
		}
		if ((r = fp_ready(l, host, write ? POLLOUT : POLLIN)) != 0)
			break;
	}
	return done > 0 ? (int32_t)done : (int32_t)r;
}

/* transfer serves read, write, recv and send on one buffer. */
int32_t fp_transfer(struct fastpath *l, struct guest_memory *m, const int32_t *a, bool write, int msgflags)
{
	uint32_t flags;
	int host = lookup(l, a[0], write ? FASTPATH_WRITE : FASTPATH_READ, &flags);
	struct ring *r = ring_of(l, a[0], write ? FASTPATH_WRITE : FASTPATH_READ, &flags);
	if (r == NULL && (host < 0 || !(flags & (FASTPATH_FILE | FASTPATH_SOCKET | FASTPATH_PIPE))))
		return ASK;
	void *p = guest(m, (uint32_t)a[1], (uint32_t)a[2]);
	if (p == NULL)
		return -EFAULT;
	bool wait = !(flags & FASTPATH_NONBLOCK) && !(msgflags & MSG_DONTWAIT);
	if (r != NULL)
		return fp_ring_io(l, r, p, (uint32_t)a[2] > MAX_RW ? MAX_RW : (uint32_t)a[2], write, wait, msgflags & MSG_PEEK);
	if (flags & FASTPATH_FILE) {
		long r;
		do
			r = sys3(write ? SYS_write : SYS_read, host, (long)p, (uint32_t)a[2]);
		while (r == -EINTR);
		return (int32_t)r;
	}
	struct iovec v = {p, (uint32_t)a[2]};
	if (v.iov_len > MAX_RW)
		v.iov_len = MAX_RW;
	return fp_stream(l, flags, host, write, wait, &v, 1, v.iov_len, msgflags);
}

/* sockio serves sendto and recvfrom without an address. */
int32_t fp_sockio(struct fastpath *l, struct guest_memory *m, const int32_t *a, bool write)
{
	uint32_t flags;
	if (a[4] != 0 || (a[3] & ~(MSG_DONTWAIT | MSG_NOSIGNAL | (write ? 0 : MSG_PEEK))) != 0)
		return ASK;
	if (lookup(l, a[0], FASTPATH_SOCKET, &flags) < 0 && ring_of(l, a[0], 0, &flags) == NULL)
		return ASK;
	return fp_transfer(l, m, a, write, a[3]);
}

/* vector serves readv and writev. */
int32_t fp_vector(struct fastpath *l, struct guest_memory *m, const int32_t *a, bool write)
{
	struct iovec v[MAX_IOV];
	uint64_t total;
	uint32_t flags;
	int host = lookup(l, a[0], write ? FASTPATH_WRITE : FASTPATH_READ, &flags);
	if (host < 0 || !(flags & (FASTPATH_FILE | FASTPATH_SOCKET | FASTPATH_PIPE)) || a[2] < 1 || a[2] > MAX_IOV)
		return ASK;
	int32_t e = fp_get_iovec(m, a[1], a[2], v, &total);
	if (e != 0)
		return e;
	if (!(flags & FASTPATH_FILE))
		return fp_stream(l, flags, host, write, !(flags & FASTPATH_NONBLOCK), v, a[2], total, 0);
	long r;
	do
		r = sys3(write ? SYS_writev : SYS_readv, host, (long)v, a[2]);
	while (r == -EINTR);
	return (int32_t)r;
}
