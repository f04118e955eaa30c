/*
 * An extension that uses, in a few lines, what a side module must get right:
 * data of its own, addresses in it, constructors, errors thrown and caught
 * across modules, functions passed both ways, settings, and libc.
 * sample.so is made of it by "wasm/extension.sh testdata/extension DIRECTORY".
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

PG_MODULE_MAGIC_EXT(.name = "sample",.version = "1.0");

void		_PG_init(void);

static int64 calls;
static int	constructed;
static char *greeting;
static const char *const labels[] = {"zero", "one", "two"};

__attribute__((constructor)) static void
construct(void)
{
	constructed = 42;
}

void
_PG_init(void)
{
	DefineCustomStringVariable("sample.greeting", "What sample_greet() says.", NULL, &greeting, "hello",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("sample");
}

/* How often it was called in this session. */
PG_FUNCTION_INFO_V1(sample_counted);
Datum
sample_counted(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(++calls);
}

PG_FUNCTION_INFO_V1(sample_constructed);
Datum
sample_constructed(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(constructed);
}

PG_FUNCTION_INFO_V1(sample_greet);
Datum
sample_greet(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(greeting));
}

PG_FUNCTION_INFO_V1(sample_label);
Datum
sample_label(PG_FUNCTION_ARGS)
{
	int32		n = PG_GETARG_INT32(0);

	if (n < 0 || n >= lengthof(labels))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no label for %d", n)));
	PG_RETURN_TEXT_P(cstring_to_text(labels[n]));
}

/* The message of the error that the server's int4in throws. */
PG_FUNCTION_INFO_V1(sample_caught);
Datum
sample_caught(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	text	   *volatile result = NULL;

	PG_TRY();
	{
		DirectFunctionCall1(int4in, CStringGetDatum(text_to_cstring(PG_GETARG_TEXT_PP(0))));
	}
	PG_CATCH();
	{
		ErrorData  *e;

		MemoryContextSwitchTo(context);
		e = CopyErrorData();
		FlushErrorState();
		result = cstring_to_text(e->message);
		FreeErrorData(e);
	}
	PG_END_TRY();
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(result);
}

static int
descending(const void *a, const void *b)
{
	double		x = *(const double *) a,
				y = *(const double *) b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* The largest of the first n cubes of sines: the server sorts with a function of ours, and has libc's sin and pow. */
PG_FUNCTION_INFO_V1(sample_sorted);
Datum
sample_sorted(PG_FUNCTION_ARGS)
{
	int32		n = PG_GETARG_INT32(0);
	double	   *v = palloc(sizeof(double) * n);

	for (int i = 0; i < n; i++)
		v[i] = pow(sin(i), 3);
	qsort(v, n, sizeof(double), descending);
	PG_RETURN_FLOAT8(v[0]);
}

/* Runs until the session is cancelled, or, if it may not be, until it is killed. */
PG_FUNCTION_INFO_V1(sample_spin);
Datum
sample_spin(PG_FUNCTION_ARGS)
{
	bool		interruptible = PG_GETARG_BOOL(0);

	for (volatile int64 n = 0;; n++)
	{
		if (interruptible)
			CHECK_FOR_INTERRUPTS();
	}
}
