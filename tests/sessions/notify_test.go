package sessions

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// notified asks the server for nothing until psql has printed a notification, and returns what it printed.
func notified(s *session) string {
	s.t.Helper()
	for end := time.Now().Add(limit / 4); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if text := s.query("SELECT WHERE false;"); text != "" {
			return text
		}
	}
	s.t.Fatalf("%s: no notification", s.name)
	panic("unreachable")
}

func TestNotify(t *testing.T) {
	a, b := pair(t)
	message := func(channel, payload string, from *session) string {
		if payload != "" {
			payload = fmt.Sprintf(` with payload "%s"`, payload)
		}
		return fmt.Sprintf(`Asynchronous notification "%s"%s received from server process with PID %d.`, channel, payload, from.pid)
	}
	a.query("LISTEN news; LISTEN other;")
	b.query("NOTIFY news, 'one';")
	if got, want := notified(a), message("news", "one", b); got != want {
		t.Errorf("%q, want %q", got, want)
	}

	// Not before the commit; not after a rollback; in order, and the same one once.
	b.query("BEGIN; NOTIFY news, 'never'; ROLLBACK;")
	b.query("BEGIN; NOTIFY news, 'two'; NOTIFY other; NOTIFY news, 'two'; NOTIFY nobody; NOTIFY news, 'drei Äpfel';")
	time.Sleep(50 * time.Millisecond)
	a.is("SELECT WHERE false;", "")
	b.is("COMMIT;", "")
	want := strings.Join([]string{message("news", "two", b), message("other", "", b), message("news", "drei Äpfel", b)}, "\n")
	if got := notified(a); got != want {
		t.Errorf("%q, want %q", got, want)
	}

	// Both ways, and to oneself.
	b.query("LISTEN news;")
	if got, want := a.query("NOTIFY news;"), message("news", "", a); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := notified(b), message("news", "", a); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	a.query("UNLISTEN *;")
	b.query("NOTIFY news;")
	time.Sleep(50 * time.Millisecond)
	a.is("SELECT WHERE false;", "")
}

// TestNotifyWakes measures how soon a client that only reads has a notification, and wants each in order.
func TestNotifyWakes(t *testing.T) {
	const n = 200
	s := server(t)
	ctx := testContext(t)
	listener, sender := connect(t, s), connect(t, s)
	run(t, listener, "LISTEN wake")
	var worst, sum time.Duration
	for i := range n {
		received := make(chan error, 1)
		var got *pgconn.Notification
		var at time.Time
		go func() {
			n, err := listener.WaitForNotification(ctx)
			got, at = n, time.Now()
			received <- err
		}()
		begin := time.Now()
		run(t, sender, "SELECT pg_notify('wake', $1)", fmt.Sprint(i))
		if err := <-received; err != nil {
			t.Fatal(err)
		}
		if got.Payload != fmt.Sprint(i) || got.PID != sender.PgConn().PID() {
			t.Fatalf("%d: %+v", i, got)
		}
		d := at.Sub(begin)
		worst, sum = max(worst, d), sum+d
	}
	t.Logf("statement to notification: mean %v, worst %v", sum/n, worst)
	if sum/n > slack/10 {
		t.Error("too late")
	}
}
