package sessions

import "testing"

// TestDatabases holds two databases of one server apart, each made by another strategy.
func TestDatabases(t *testing.T) {
	s := server(t)
	admin := connect(t, s)
	names := []string{"first", `Zweite "DB"`}
	for i, strategy := range []string{"wal_log", "file_copy"} {
		quoted := one[string](t, admin, "SELECT quote_ident($1)", names[i])
		run(t, admin, "CREATE DATABASE "+quoted+" STRATEGY "+strategy)
		t.Cleanup(func() { run(t, admin, "DROP DATABASE IF EXISTS "+quoted+" WITH (FORCE)") })
	}
	a, b := open(t, s, "a", options{database: names[0]}), open(t, s, "b", options{database: names[1]})
	a.is("SELECT current_database();", names[0])
	b.is("SELECT current_database();", names[1])

	a.query("CREATE TABLE public.t AS SELECT 1 AS i;")
	b.fails("SELECT i FROM public.t;", "42P01")
	b.query("CREATE TABLE public.t AS SELECT 2 AS i;")
	a.is("SELECT i FROM public.t;", "1")
	b.is("SELECT i FROM public.t;", "2")

	// Advisory locks and channels are of one database; roles are of all.
	a.is("SELECT pg_try_advisory_lock(1);", "t")
	b.is("SELECT pg_try_advisory_lock(1);", "t")
	a.query("LISTEN c;")
	b.query("NOTIFY c;")
	a.is("SELECT pg_sleep(0.05);", "")
	a.query("CREATE ROLE of_all;")
	b.is("SELECT count(*) FROM pg_roles WHERE rolname = 'of_all';", "1")
	b.query("DROP ROLE of_all;")

	// The one ends with its session in it, and the other stays.
	run(t, admin, `DROP DATABASE "Zweite ""DB""" WITH (FORCE)`)
	b.send("SELECT 1;")
	b.ends(2, "terminating connection due to administrator command")
	a.is("SELECT i FROM public.t;", "1")
}
