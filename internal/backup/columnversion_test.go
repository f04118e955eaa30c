package backup

import "testing"

// TestColumnVersions: the lines are what pg_dump 18.6 wrote of a server of 15.20.
func TestColumnVersions(t *testing.T) {
	const script = `CREATE TABLE public.old (
    i integer
);
ALTER TABLE ONLY public.old ALTER COLUMN i SET (pg_attver=22161888);
ALTER TABLE ONLY public.old ALTER COLUMN "a b" SET (n_distinct=5, pg_attver=1, n_distinct_inherited=7);
ALTER FOREIGN TABLE ONLY public.f ALTER COLUMN i SET (pg_attver=2);
ALTER TABLE ONLY public.old ALTER COLUMN j SET (n_distinct=5);
COMMENT ON COLUMN public.old.i IS 'SET (pg_attver=3);';
`
	const want = `CREATE TABLE public.old (
    i integer
);
ALTER TABLE ONLY public.old ALTER COLUMN "a b" SET (n_distinct=5, n_distinct_inherited=7);
ALTER TABLE ONLY public.old ALTER COLUMN j SET (n_distinct=5);
COMMENT ON COLUMN public.old.i IS 'SET (pg_attver=3);';
`
	if got := withoutColumnVersions(script); got != want {
		t.Error(got)
	}
}
