// Package pgtest gives each Go test a PostgreSQL database of its own, in milliseconds:
//
//	func TestUsers(t *testing.T) {
//		t.Parallel()
//		db := pgtest.New(t, pgtest.MigrateFS(migrations, "*.sql"))
//		conn, err := pgx.Connect(t.Context(), db.ConnString())
//		...
//	}
//
// Migrations run once, in a template from which every database is cloned. With pgx, package pgtest/pgxtest makes
// connections and pools in one line; this package needs no driver.
//
// The server starts with the first test that asks for it, from a cluster that was made once on the machine, and goes
// when the test binary has ended, even if it was killed. By default each test binary has its own. With the environment
// variable EMBEDDEDPG_PGTEST=shared, all test binaries of one `go test ./...` share a server in a process of its own,
// so that a template is migrated once for all packages; EMBEDDEDPG_PGTEST=/some/directory shares it among whoever
// names that directory at the same time. A shared server ends with the last one that uses it.
//
// A test whose connections are still open when it ends fails, and is told what they are. The database of a failed test
// stays: its connection string is printed, and a command that opens it once the test binary has ended, until the
// next failure in the same package.
//
// The server is set to be fast and to forget: fsync, synchronous_commit, full_page_writes and autovacuum are off. It
// keeps its files in memory (/dev/shm) where at least 2 GiB are free there, else in the directory for temporary files;
// EMBEDDEDPG_PGTEST_DIR names another. Never use such a server for data that matters.
package pgtest
