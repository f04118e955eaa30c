package supervisor

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzControl sends bytes of any kind to the control socket. The supervisor answers or hangs up, and still tells its
// state afterwards; it stops only if a whole request asked it to.
func FuzzControl(f *testing.F) {
	for _, s := range []string{
		"GET /status HTTP/1.1\r\nHost: x\r\n\r\n", "POST /stop HTTP/1.0\r\n\r\n", "POST /hold?id=1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /release HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 4\r\n\r\nid=%", "GET /stop HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /keep HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", "POST //stop/../status HTTP/1.1\r\nHost: x\r\n\r\n", "", "\x16\x03\x01", "DELETE * HTTP/9.9\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		dir, err := os.MkdirTemp("", "control") // the test's own would be too long a name for a socket
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		s := &supervisor{
			paths: Paths{Runtime: dir}, log: slog.New(slog.DiscardHandler), stop: make(chan struct{}), stopped: make(chan struct{}),
		}
		s.mu.state = State{PID: 4711, Phase: Ready, Control: filepath.Join(dir, "c")}
		c, err := s.listen()
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		go func() {
			<-s.stop
			close(s.stopped)
		}()
		conn, err := net.Dial("unix", s.mu.state.Control)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		conn.Write(sent) // it may have hung up before the end
		conn.(*net.UnixConn).CloseWrite()
		_, err = io.Copy(io.Discard, conn)
		if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Fatal("a client that sends nothing more is neither answered nor left")
		}
		resp, err := request(context.Background(), State{Control: filepath.Join(dir, "c")}, http.MethodGet, "/status")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var st State
		if err := json.NewDecoder(resp.Body).Decode(&st); err != nil || st.PID != 4711 {
			t.Errorf("status: %+v, %v", st, err)
		}
		s.askStop() // ends the goroutine above if nobody has
	})
}
