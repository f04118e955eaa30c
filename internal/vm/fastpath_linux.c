//go:build linux

/*
 * The fast path on Linux: which call goes to which function. fastpath.h has the contract,
 * fastpath_linux.h what the functions share.
 */
#include "fastpath_linux.h"

/* get_timespec reads a struct timespec; 0 or -errno. Of its nanoseconds 32 bits are defined. */
int32_t fp_get_timespec(struct guest_memory *m, int32_t addr, struct timespec *t)
{
	int64_t sec;
	int32_t nsec;
	const char *p = guest(m, (uint32_t)addr, GUEST_SIZEOF_Timespec);
	if (p == NULL)
		return -EFAULT;
	memcpy(&sec, p + GUEST_OFF_TimespecSec, sizeof sec);
	memcpy(&nsec, p + GUEST_OFF_TimespecNsec, sizeof nsec);
	if (sec < 0 || nsec < 0 || nsec >= 1000000000)
		return -EINVAL;
	t->tv_sec = sec;
	t->tv_nsec = nsec;
	return 0;
}

int32_t fp_put_timespec(struct guest_memory *m, int32_t addr, const struct timespec *t)
{
	int64_t v[2] = {t->tv_sec, t->tv_nsec};
	_Static_assert(sizeof v == GUEST_SIZEOF_Timespec && GUEST_OFF_TimespecNsec == 8, "struct timespec");
	void *p = guest(m, (uint32_t)addr, sizeof v);
	if (p == NULL)
		return -EFAULT;
	memcpy(p, v, sizeof v);
	return 0;
}

/* get_iovec converts n iovecs of the guest; 0 or -errno. *total is the sum of their lengths. */
int32_t fp_get_iovec(struct guest_memory *m, int32_t addr, int32_t n, struct iovec *out, uint64_t *total)
{
	const char *p = guest(m, (uint32_t)addr, (uint64_t)n * GUEST_SIZEOF_Iovec);
	if (p == NULL)
		return -EFAULT;
	*total = 0;
	for (int32_t i = 0; i < n; i++) {
		uint32_t v[2];
		_Static_assert(sizeof v == GUEST_SIZEOF_Iovec && GUEST_OFF_IovecLen == 4, "struct iovec");
		memcpy(v, p + GUEST_SIZEOF_Iovec * (size_t)i, sizeof v);
		if ((out[i].iov_base = guest(m, v[0], v[1])) == NULL)
			return -EFAULT;
		out[i].iov_len = v[1];
		*total += v[1];
	}
	return *total > MAX_RW ? -EINVAL : 0;
}

static int32_t fp_gettime(struct guest_memory *m, const int32_t *a)
{
	struct timespec t;
	clockid_t id;
	switch (a[0]) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		id = a[0];
		break;
	case CLOCK_PROCESS_CPUTIME_ID: /* a guest process is one thread */
	case CLOCK_THREAD_CPUTIME_ID:
		id = CLOCK_THREAD_CPUTIME_ID;
		break;
	default:
		return ASK;
	}
	clock_gettime(id, &t); /* through libc: it needs no kernel */
	return fp_put_timespec(m, a[1], &t);
}

bool fastpath_serve(struct fastpath *l, struct guest_memory *m, int32_t nr, const int32_t a[6], int32_t *ret)
{
	int32_t r;

	if (__atomic_load_n(&l->sig, __ATOMIC_RELAXED) == 0 || __atomic_load_n(&l->off, __ATOMIC_RELAXED) != 0)
		return false;
	switch (nr) {
	case GUEST_SYS__llseek:
		r = fp_seek(l, m, a);
		break;
	case GUEST_SYS_read:
		r = fp_transfer(l, m, a, false, 0);
		break;
	case GUEST_SYS_write:
		r = fp_transfer(l, m, a, true, 0);
		break;
	case GUEST_SYS_readv:
		r = fp_vector(l, m, a, false);
		break;
	case GUEST_SYS_writev:
		r = fp_vector(l, m, a, true);
		break;
	case GUEST_SYS_pread64:
		r = fp_at(l, m, a, false);
		break;
	case GUEST_SYS_pwrite64:
		r = fp_at(l, m, a, true);
		break;
	case GUEST_SYS_preadv:
		r = fp_vector_at(l, m, a, false, false);
		break;
	case GUEST_SYS_pwritev:
		r = fp_vector_at(l, m, a, true, false);
		break;
	case GUEST_SYS_preadv2:
		r = fp_vector_at(l, m, a, false, true);
		break;
	case GUEST_SYS_pwritev2:
		r = fp_vector_at(l, m, a, true, true);
		break;
	case GUEST_SYS_fsync:
		r = fp_file_call(l, a[0], SYS_fsync, 0, 0, 0);
		break;
	case GUEST_SYS_fdatasync:
		r = fp_file_call(l, a[0], SYS_fdatasync, 0, 0, 0);
		break;
	case GUEST_SYS_sync_file_range:
		r = fp_file_call(l, a[0], SYS_sync_file_range, i64(a[1], a[2]), i64(a[3], a[4]), a[5]);
		break;
	case GUEST_SYS_fadvise64_64:
		r = fp_file_call(l, a[0], SYS_fadvise64, i64(a[1], a[2]), i64(a[3], a[4]), a[5]);
		break;
	case GUEST_SYS_kill:
		r = fp_kill(l, a[0], a[1]);
		break;
	case GUEST_SYS_getpid:
		r = l->pid;
		break;
	case GUEST_SYS_sendto:
		r = fp_sockio(l, m, a, true);
		break;
	case GUEST_SYS_recvfrom:
		r = fp_sockio(l, m, a, false);
		break;
	case GUEST_SYS_clock_gettime64:
		r = fp_gettime(m, a);
		break;
	case GUEST_SYS_clock_nanosleep_time64:
		r = fp_nanosleep(l, m, a);
		break;
	case GUEST_SYS_ppoll_time64:
		r = fp_ppoll(l, m, a);
		break;
	case GUEST_SYS_futex_time64:
		r = fp_futex(l, m, a);
		break;
	default:
		return false;
	}
	if (r == ASK)
		return false;
	*ret = r;
	return true;
}
