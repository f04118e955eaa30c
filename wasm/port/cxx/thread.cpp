/*
 * In the place of libc++abi's cxa_thread_atexit.cpp: what a thread leaves behind is
 * destroyed at exit, as the process is the thread.
 */
extern "C" int __cxa_atexit(void (*)(void *), void *, void *);

extern "C" int __cxa_thread_atexit(void (*destroy)(void *), void *object, void *dso)
{
	return __cxa_atexit(destroy, object, dso);
}
