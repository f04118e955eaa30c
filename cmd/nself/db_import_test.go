package main

import (
	"fmt"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// oldServer answers as a PostgreSQL server of that version does, as far as a client that only connects can see. Any
// query is an error of the test.
func oldServer(t *testing.T, version string) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := pgproto3.NewBackend(c, c)
				if _, err := b.ReceiveStartupMessage(); err != nil {
					return
				}
				b.Send(&pgproto3.AuthenticationOk{})
				b.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: version})
				b.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
				b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
				if err := b.Flush(); err != nil {
					return
				}
				switch m, err := b.Receive(); m.(type) {
				case nil, *pgproto3.Terminate:
				default:
					t.Errorf("the old server was sent %T %v", m, err)
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// TestImportToOlder: a dump of 18 does not go into an older server, which is said before anything is done there.
func TestImportToOlder(t *testing.T) {
	t.Parallel()
	p := newProject(t, "POSTGRES_DB=app")
	p.start()
	for version, short := range map[string]string{"15.14 (Debian 15.14-0+deb12u1)": "15.14", "17.6": "17.6"} {
		port := oldServer(t, version)
		r := p.run("db", "import", "--to", fmt.Sprintf("postgresql://postgres@127.0.0.1:%d/app?sslmode=disable", port), "--yes")
		r.says(t, 1, fmt.Sprintf("127.0.0.1:%d", port), "PostgreSQL "+short+",", "older server", "\n  ", "18 or later", "nothing was changed")
	}
}
