package sessions

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// FuzzStartup sends what a client may send first, and what not, over the Unix socket. The server answers with
// messages of the protocol or hangs up; it lets nobody in without a password, and goes on serving.
func FuzzStartup(f *testing.F) {
	startup := func(version uint32, text string) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(8+len(text)))
		return append(binary.BigEndian.AppendUint32(b, version), text...)
	}
	f.Add(startup(196608, "user\x00postgres\x00\x00"))
	f.Add(startup(196610, "user\x00postgres\x00_pq_.x\x001\x00\x00"))
	f.Add(startup(131072, "user\x00postgres\x00\x00"))
	f.Add(startup(196608, "user\x00postgres\x00options\x00-c geqo=off -c search_path\x00replication\x00true\x00\x00"))
	f.Add(startup(196608, "user\x00postgres")) // no end
	f.Add(startup(80877103, ""))               // SSLRequest
	f.Add(append(startup(80877104, ""), startup(196608, "user\x00nobody\x00\x00")...))
	f.Add(startup(80877102, "\x00\x00\x00\x01\x00\x00\x00\x02")) // CancelRequest
	f.Add([]byte{0, 0, 0, 4})
	f.Add([]byte{0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(append(startup(196608, "user\x00postgres\x00\x00"), "p\x00\x00\x00\x0bSCRAM\x00\x00\x00\x00\x00"...))
	s := server(f)
	check := connect(f, s)
	f.Fuzz(func(t *testing.T, sent []byte) {
		conn, err := net.Dial("unix", filepath.Join(s.SocketDir(), ".s.PGSQL.5432"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(limit))
		conn.Write(sent) // the server may have hung up before the end
		conn.(*net.UnixConn).CloseWrite()
		answer, err := io.ReadAll(conn)
		if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Fatal("the server keeps a connection that will send nothing more")
		}
		for len(answer) > 0 && (answer[0] == 'N' && (len(answer) == 1 || answer[1] != 0)) {
			answer = answer[1:] // no to SSLRequest or GSSENCRequest
		}
		if bytes.HasPrefix(answer, []byte("EFATAL: ")) && bytes.HasSuffix(answer, []byte("\n\x00")) {
			answer = nil // an error as protocol 2.0 has it
		}
		for rest := answer; len(rest) > 0; {
			if len(rest) < 5 || binary.BigEndian.Uint32(rest[1:]) < 4 || uint64(len(rest)) < 1+uint64(binary.BigEndian.Uint32(rest[1:])) {
				t.Fatalf("the server answered %q, which ends in no message", answer)
			}
			kind, body := rest[0], rest[5:1+binary.BigEndian.Uint32(rest[1:])]
			rest = rest[5+len(body):]
			if kind == 'Z' || kind == 'D' || kind == 'R' && bytes.Equal(body, []byte{0, 0, 0, 0}) {
				t.Fatalf("the server let a client in who gave no password: %q", answer)
			}
		}
		if one[int](t, check, "SELECT 1") != 1 {
			t.Error("another session's answer is wrong")
		}
	})
}
