/*
 * Where C++ and PostgreSQL's errors meet, in a side module. An exception that would
 * leave a function that PostgreSQL has called becomes an error there (guard.pl), and
 * std::terminate ends the session instead of the server.
 */
#include <exception>
#include <new>

#include <cxxabi.h>
#include <string.h>

extern "C" {
#include "postgres.h"
}

/* say copies what the exception that is being handled says, and returns its code for
 * SQL. The exception is rethrown to see what it is. */
static int say(char *to, size_t size) noexcept
{
	try {
		throw;
	} catch (const std::bad_alloc &e) {
		strlcpy(to, e.what(), size);
		return ERRCODE_OUT_OF_MEMORY;
	} catch (const std::exception &e) {
		strlcpy(to, e.what(), size);
	} catch (...) {
		strlcpy(to, "of no standard type", size);
	}
	return ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
}

/* __guard_report makes an exception PostgreSQL's error. It may have come through code of
 * PostgreSQL's that would have caught an error: who catches now is who did when the
 * function was called. The exception is destroyed first, as the error leaves everything
 * here behind. */
extern "C" [[noreturn]] void __guard_report(void *exception, sigjmp_buf *handler, ErrorContextCallback *context)
{
	char said[1024];
	int code;

	__cxxabiv1::__cxa_begin_catch(exception);
	code = say(said, sizeof said);
	__cxxabiv1::__cxa_end_catch();
	PG_exception_stack = handler;
	error_context_stack = context;
	ereport(ERROR, errcode(code), errmsg("C++ exception: %s", said));
	pg_unreachable();
}

/* An error may not be raised here: it would go on through the frame that must not be
 * left. If it is an error that has come to that frame, what lies below is gone, and with
 * it whoever gives errors a context or catches them. */
static void terminated()
{
	char said[1024] = "none";

	if (std::current_exception())
		say(said, sizeof said);
	error_context_stack = nullptr;
	PG_exception_stack = nullptr;
	ereport(FATAL, errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION), errmsg("C++ code called std::terminate"),
		errdetail("The C++ exception: %s", said));
	pg_unreachable();
}

static const std::terminate_handler before = std::set_terminate(terminated);
