/*
 * An extension in C++ that does what others may: the library, exceptions within,
 * exceptions that nobody catches, and PostgreSQL's errors through C++ frames.
 */
#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" {
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/resowner.h"

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(cxx_library);
PG_FUNCTION_INFO_V1(cxx_catch);
PG_FUNCTION_INFO_V1(cxx_throw);
PG_FUNCTION_INFO_V1(cxx_alive);
PG_FUNCTION_INFO_V1(cxx_run);
}

namespace {

volatile size_t more_than_there_is = SIZE_MAX - 4096;

int alive; /* how many of Counted there are */

struct Counted {
	Counted() { alive++; }
	~Counted() { alive--; }
};

struct Base {
	virtual ~Base() = default;
	virtual std::string name() const { return "base"; }
};
struct Derived : Base {
	std::string name() const override { return "derived"; }
};

std::map<std::string, int> made{{"constructor", 1}}; /* before main, as it were */
thread_local int calls = 40;

struct Odd : std::runtime_error {
	using std::runtime_error::runtime_error;
};

int thrower(int n)
{
	Counted c;

	switch (n) {
	case 1:
		throw Odd("odd");
	case 2:
		throw std::bad_alloc();
	case 3:
		throw n;
	case 4:
		return std::vector<int>(3).at(7);
	case 5:
		return *(char *)::operator new(more_than_there_is);
	case 6:
		try {
			throw std::logic_error("inner");
		} catch (...) {
			throw;
		}
	}
	return n;
}

/* Calls PostgreSQL, which may raise an error or call what throws. */
std::string run(const char *query)
{
	Counted c;
	std::string said = "nothing";

	SPI_connect();
	if (SPI_execute(query, false, 0) == SPI_OK_SELECT && SPI_processed > 0) {
		char *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		said = value ? value : "null";
	}
	SPI_finish();
	return said;
}

} // namespace

extern "C" Datum cxx_library(PG_FUNCTION_ARGS)
{
	std::string word = text_to_cstring(PG_GETARG_TEXT_PP(0));
	std::ostringstream out;
	std::once_flag once;
	std::mutex mutex;
	std::lock_guard<std::mutex> lock(mutex);
	std::unique_ptr<Base> b = std::make_unique<Derived>();
	const char *number = "2.5e3";
	double d = 0;

	std::call_once(once, [&] { calls++; });
	std::sort(word.begin(), word.end());
	std::from_chars(number, number + strlen(number), d);
	out << word << ' ' << b->name() << ' ' << (dynamic_cast<Derived *>(b.get()) ? "cast" : "no cast") << ' ' << made["constructor"] << ' '
		<< calls << ' ' << d << ' ' << std::regex_match(word, std::regex("[a-z]+"));
	PG_RETURN_TEXT_P(cstring_to_text(out.str().c_str()));
}

extern "C" Datum cxx_catch(PG_FUNCTION_ARGS)
{
	std::string said;

	try {
		said = "returned " + std::to_string(thrower(PG_GETARG_INT32(0)));
	} catch (const Odd &e) {
		said = std::string("odd ") + e.what();
	} catch (const std::exception &e) {
		said = std::string("exception ") + e.what();
	} catch (...) {
		said = "other";
	}
	PG_RETURN_TEXT_P(cstring_to_text(said.c_str()));
}

extern "C" Datum cxx_throw(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(thrower(PG_GETARG_INT32(0)));
}

extern "C" Datum cxx_alive(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(alive);
}

static void without_exceptions(const char *query) noexcept
{
	run(query);
}

/* 0: an error goes through all frames. 1: so it does where all exceptions are caught. 2: PG_TRY catches it.
 * 3: std::terminate is in the way. */
extern "C" Datum cxx_run(PG_FUNCTION_ARGS)
{
	char *query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *volatile said = nullptr;

	switch (PG_GETARG_INT32(1)) {
	case 1:
		try {
			said = pstrdup(run(query).c_str());
		} catch (...) {
			said = pstrdup("caught by C++");
		}
		break;
	case 2: {
		MemoryContext context = CurrentMemoryContext;
		ResourceOwner owner = CurrentResourceOwner;
		BeginInternalSubTransaction(nullptr);
		MemoryContextSwitchTo(context);
		PG_TRY();
		{
			said = pstrdup(run(query).c_str());
			ReleaseCurrentSubTransaction();
			CurrentResourceOwner = owner;
		}
		PG_CATCH();
		{
			MemoryContextSwitchTo(context);
			ErrorData *e = CopyErrorData();
			FlushErrorState();
			RollbackAndReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(context);
			CurrentResourceOwner = owner;
			said = psprintf("caught by PG_TRY: %s", e->message);
		}
		PG_END_TRY();
		break;
	}
	case 3:
		without_exceptions(query);
		break;
	default:
		said = pstrdup(run(query).c_str());
	}
	PG_RETURN_TEXT_P(cstring_to_text(said));
}
