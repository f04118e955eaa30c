#include "room.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

enum {
	/*
	 * To try for threads takes some 50 us each. So it is done for this many instances at once, and only when there are more
	 * than ever.
	 */
	AHEAD = 8,
	TRIAL_STACK = 128 << 10,
	CREATE_TRIES = 10,
};

static struct {
	pthread_mutex_t mu;
	long live;   /* threads of instances */
	long proven; /* with so many of them the spare ones were there */
} threads = {.mu = PTHREAD_MUTEX_INITIALIZER};

static void *reserve(uint64_t bytes)
{
	return mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

bool vm_spare_addresses(uint64_t bytes)
{
	return vm_count_addresses(bytes, 1) == 1;
}

unsigned vm_count_addresses(uint64_t bytes, unsigned max)
{
	void *ranges[256];
	unsigned n = 0;

	while (n < max && n < sizeof ranges / sizeof *ranges && (ranges[n] = reserve(bytes)) != MAP_FAILED)
		n++;
	for (unsigned k = 0; k < n; k++)
		munmap(ranges[k], bytes);
	return n;
}

/* A gate keeps the threads of a trial until all are there. */
struct gate {
	pthread_mutex_t mu;
	pthread_cond_t opened;
	bool open;
};

static void *pass(void *arg)
{
	struct gate *g = arg;

	pthread_mutex_lock(&g->mu);
	while (!g->open)
		pthread_cond_wait(&g->opened, &g->mu);
	pthread_mutex_unlock(&g->mu);
	return NULL;
}

/* try_threads returns 0 if the program may have so many more threads at once, else an errno. Their stacks are one mapping. */
static int try_threads(unsigned n)
{
	struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
	pthread_t *made = calloc(n + 1, sizeof *made);
	char *stacks = mmap(NULL, (size_t)n * TRIAL_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	pthread_attr_t attr;
	sigset_t all, old;
	unsigned k = 0;
	int error = 0;

	if (made == NULL || stacks == MAP_FAILED) {
		free(made);
		return ENOMEM;
	}
	pthread_attr_init(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (k < n && (error = pthread_attr_setstack(&attr, stacks + (size_t)k * TRIAL_STACK, TRIAL_STACK)) == 0 &&
		(error = pthread_create(&made[k], &attr, pass, &gate)) == 0)
		k++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);

	pthread_mutex_lock(&gate.mu);
	gate.open = true;
	pthread_cond_broadcast(&gate.opened);
	pthread_mutex_unlock(&gate.mu);
	while (k > 0)
		pthread_join(made[--k], NULL);
	pthread_cond_destroy(&gate.opened);
	munmap(stacks, (size_t)n * TRIAL_STACK);
	free(made);
	return error;
}

/* prove is vm_prove_threads with the lock held. */
static int prove(unsigned n, unsigned spare)
{
	int error = try_threads(n + spare);

	if (error == 0 && threads.proven < threads.live + (long)n)
		threads.proven = threads.live + (long)n;
	return error;
}

int vm_prove_threads(unsigned n, unsigned spare)
{
	pthread_mutex_lock(&threads.mu);
	int error = prove(n, spare);
	pthread_mutex_unlock(&threads.mu);
	return error;
}

int vm_take_thread(unsigned spare)
{
	int error = 0;

	pthread_mutex_lock(&threads.mu);
	if (threads.live >= threads.proven && prove(AHEAD, spare) != 0)
		error = prove(1, spare);
	if (error == 0)
		threads.live++;
	pthread_mutex_unlock(&threads.mu);
	return error;
}

void vm_give_thread(void)
{
	pthread_mutex_lock(&threads.mu);
	threads.live--;
	pthread_mutex_unlock(&threads.mu);
}

/* A thread that has been joined may count for a moment longer: so does Linux against RLIMIT_NPROC. */
int vm_thread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int error;

	for (int k = 0; (error = pthread_create(thread, attr, run, arg)) == EAGAIN && k < CREATE_TRIES; k++)
		nanosleep(&pause, NULL);
	if (error != 0) { /* others have taken what was proven */
		pthread_mutex_lock(&threads.mu);
		threads.proven = 0;
		pthread_mutex_unlock(&threads.mu);
	}
	return error;
}
