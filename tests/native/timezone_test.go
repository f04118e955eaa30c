package native

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestTimeZones compares the built-in time zones with the system's, which Debian's native server uses: every name that
// both know, at instants of two centuries. They agree while wasm.lock and the Debian root have the same release.
func TestTimeZones(t *testing.T) {
	p := newPlace(t)
	const query = `SELECT name || ' ' || to_char(i AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), (i AT TIME ZONE name)::text
		FROM pg_timezone_names, (SELECT unnest('{1850-01-01 12:00+00,1883-11-18 18:30+00,1937-06-15 12:00+00,1945-06-15 12:00+00,2030-01-15 12:00+00}'::timestamptz[])
			UNION SELECT generate_series('1900-01-11 03:00+00'::timestamptz, '2045-12-31 23:00+00', '101 days 5 hours')) t(i)
		WHERE name NOT LIKE 'right/%' AND name NOT LIKE 'posix/%' AND name NOT IN ('localtime', 'posixrules')`
	read := func(c *pgx.Conn) map[string]string {
		rows, err := c.Query(context.Background(), query)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		var at, local string
		if _, err := pgx.ForEachRow(rows, []any{&at, &local}, func() error {
			all[at] = local
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	var ours, native map[string]string
	p.withOurs(t, func(c *pgx.Conn) { ours = read(c) })
	p.withNative(t, func(c *pgx.Conn) { native = read(c) })
	differ := 0
	for at, want := range native {
		if got, ok := ours[at]; !ok {
			t.Errorf("no zone for %s", at)
		} else if got != want {
			if differ++; differ < 20 {
				t.Errorf("%s is %s here, %s natively", at, got, want)
			}
		}
	}
	t.Logf("%d values natively, %d here, %d differ", len(native), len(ours), differ)
	if instants := len(native) / 485; instants < 400 || len(ours) < 590*instants {
		t.Error("that is too few")
	}
	for at, want := range map[string]string{
		"America/Winnipeg 2030-01-15 12:00": "2030-01-15 07:00:00", "Europe/Amsterdam 1937-06-15 12:00": "1937-06-15 13:19:32",
		"Europe/Oslo 1945-06-15 12:00": "1945-06-15 14:00:00",
	} {
		if ours[at] != want {
			t.Errorf("%s is %q, want %s", at, ours[at], want)
		}
	}
}
