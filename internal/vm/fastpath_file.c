//go:build linux

/*
 * The fast path on regular files: what takes an offset, a seek, and calls that take a descriptor
 * and numbers only. The host's descriptor is in blocking mode and behaves as the guest's; a file
 * opened with O_APPEND is never shown here (kernel.showFastPath), so a write goes where the guest
 * says.
 */
#include "fastpath_linux.h"

/* at serves pread64 and pwrite64. */
int32_t fp_at(struct fastpath *l, struct guest_memory *m, const int32_t *a, bool write)
{
	uint32_t flags;
	int host = lookup(l, a[0], FASTPATH_FILE | (write ? FASTPATH_WRITE : FASTPATH_READ), &flags);
	if (host < 0)
		return ASK;
	void *p = guest(m, (uint32_t)a[1], (uint32_t)a[2]);
	if (p == NULL)
		return -EFAULT;
	long r;
	do
		r = sys4(write ? SYS_pwrite64 : SYS_pread64, host, (long)p, (uint32_t)a[2], i64(a[3], a[4]));
	while (r == -EINTR);
	return (int32_t)r;
}

/*
 * vector_at serves preadv, pwritev, and preadv2, pwritev2 with no flags but RWF_NOAPPEND, which
 * asks for what pwrite does on a descriptor that is not O_APPEND. An offset of -1 means the file's
 * own (preadv2 and pwritev2).
 */
int32_t fp_vector_at(struct fastpath *l, struct guest_memory *m, const int32_t *a, bool write, bool two)
{
	struct iovec v[MAX_IOV];
	uint64_t total;
	uint32_t flags;
	int64_t off = i64(a[3], a[4]);
	if (two && ((a[5] & ~(write ? GUEST_RWF_NOAPPEND : 0)) != 0 || off == -1))
		return ASK;
	int host = lookup(l, a[0], FASTPATH_FILE | (write ? FASTPATH_WRITE : FASTPATH_READ), &flags);
	if (host < 0 || a[2] < 1 || a[2] > MAX_IOV)
		return ASK;
	int32_t e = fp_get_iovec(m, a[1], a[2], v, &total);
	if (e != 0)
		return e;
	long r;
	do {
		if (a[2] == 1)
			r = sys4(write ? SYS_pwrite64 : SYS_pread64, host, (long)v->iov_base, (long)v->iov_len, off);
		else
			r = sys5(write ? SYS_pwritev : SYS_preadv, host, (long)v, a[2], off, 0);
	} while (r == -EINTR);
	return (int32_t)r;
}

int32_t fp_seek(struct fastpath *l, struct guest_memory *m, const int32_t *a)
{
	uint32_t flags;
	int host = lookup(l, a[0], FASTPATH_FILE, &flags);
	if (host < 0)
		return ASK;
	void *p = guest(m, (uint32_t)a[3], 8);
	if (p == NULL)
		return -EFAULT;
	long r = sys3(SYS_lseek, host, i64(a[2], a[1]), a[4]);
	if (r < 0)
		return (int32_t)r;
	memcpy(p, &r, 8);
	return 0;
}

/* file_call makes a call that takes a regular file and numbers only. */
int32_t fp_file_call(struct fastpath *l, int32_t fd, long nr, long b, long c, long d)
{
	uint32_t flags;
	int host = lookup(l, fd, FASTPATH_FILE, &flags);
	if (host < 0)
		return ASK;
	long r;
	do
		r = sys4(nr, host, b, c, d);
	while (r == -EINTR);
	return (int32_t)r;
}
