// Package sqlwire sends SQL text to a server and reads the rows back as text, over a connection that needs no
// password: what the library itself has to ask its own server. It is not a driver: programs bring theirs.
//
// It speaks the simple query protocol, "Message Flow" in PostgreSQL's manual.
package sqlwire

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Conn is a session. It is for one goroutine at a time.
type Conn struct {
	net    net.Conn
	r      *bufio.Reader
	status byte // of ReadyForQuery: I idle, T in a transaction, E in one that has failed
}

// Error is an error of the server.
type Error struct {
	Severity string
	Code     string // SQLSTATE
	Message  string
	Detail   string
	Hint     string
	Position int // in the statements that were sent, in characters from 1; 0 if it has none
}

// Error returns the message as psql shows it, with its SQLSTATE.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s (SQLSTATE %s)", e.Severity, e.Message, e.Code)
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// protocolVersion is 3.0, which every server speaks: PG_PROTOCOL in src/include/libpq/pqcomm.h.
const protocolVersion = 3 << 16

// maxMessage bounds what one message of the server may take: bytes.
const maxMessage = 1 << 30

// Open begins a session over conn, which it owns from then on, also if it fails.
func Open(ctx context.Context, conn net.Conn, user, database, application string) (*Conn, error) {
	c := &Conn{net: conn, r: bufio.NewReader(conn)}
	done := c.until(ctx)
	err := c.startup(user, database, application)
	if err = done(err); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) startup(user, database, application string) error {
	text := binary.BigEndian.AppendUint32(make([]byte, 4), protocolVersion)
	for _, s := range []string{"user", user, "database", database, "application_name", application, "client_encoding", "UTF8"} {
		text = append(append(text, s...), 0)
	}
	text = append(text, 0)
	binary.BigEndian.PutUint32(text, uint32(len(text)))
	if _, err := c.net.Write(text); err != nil {
		return err
	}
	_, _, err := c.results(nil)
	return err
}

// InTransaction reports whether a transaction is open, failed or not.
func (c *Conn) InTransaction() bool { return c.status != 'I' }

// Query runs one or more statements, parted by semicolons, and returns the rows of all. A NULL is "".
// Several statements are one transaction, unless they contain commands for transactions. If ctx ends before, the
// connection is closed: the server may still do what it was asked to.
func (c *Conn) Query(ctx context.Context, sql string) ([][]string, error) {
	rows, _, err := c.query(ctx, sql, nil)
	return rows, err
}

// Exec is Query without the rows: it returns how many statements were completed.
func (c *Conn) Exec(ctx context.Context, sql string) (done int, err error) {
	_, done, err = c.query(ctx, sql, nil)
	return done, err
}

// Copy runs a COPY ... FROM STDIN, of data.
func (c *Conn) Copy(ctx context.Context, sql string, data []byte) error {
	if data == nil {
		data = []byte{}
	}
	_, _, err := c.query(ctx, sql, data)
	return err
}

func (c *Conn) query(ctx context.Context, sql string, data []byte) (rows [][]string, done int, err error) {
	if strings.ContainsRune(sql, 0) {
		return nil, 0, errors.New("the SQL text contains a zero byte")
	}
	stop := c.until(ctx)
	if err = c.send('Q', append([]byte(sql), 0)); err == nil {
		rows, done, err = c.results(data)
	}
	return rows, done, stop(err)
}

// send sends a message.
func (c *Conn) send(kind byte, body []byte) error {
	message := append(make([]byte, 0, 5+len(body)), kind, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(message[1:], uint32(4+len(body)))
	_, err := c.net.Write(append(message, body...))
	return err
}

// copyChunk is how much of COPY's data is in one message: bytes.
const copyChunk = 64 << 10

// copyIn answers CopyInResponse: with the data, or by saying that there are none. data is nil if nobody has any.
func (c *Conn) copyIn(data []byte) error {
	if data == nil {
		return c.send('f', []byte("there is no data to copy\x00"))
	}
	for len(data) > 0 {
		n := min(len(data), copyChunk)
		if err := c.send('d', data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return c.send('c', nil)
}

// Close ends the session.
func (c *Conn) Close() error {
	_ = c.net.SetDeadline(time.Now().Add(time.Second))
	_, err := c.net.Write([]byte{'X', 0, 0, 0, 4})
	return errors.Join(err, c.net.Close())
}

// until closes the connection when ctx ends. The function it returns gives that up, and turns the error that the
// closing made into ctx's.
func (c *Conn) until(ctx context.Context) func(error) error {
	stop := context.AfterFunc(ctx, func() { c.net.Close() })
	return func(err error) error {
		if !stop() && err != nil {
			return ctx.Err()
		}
		return err
	}
}

// results reads up to ReadyForQuery. data is for COPY.
func (c *Conn) results(data []byte) (rows [][]string, done int, failed error) {
	for {
		kind, body, err := c.message()
		if err != nil {
			if failed != nil {
				return nil, done, failed // the server says why and hangs up
			}
			return nil, done, err
		}
		switch kind {
		case 'R':
			if len(body) < 4 || binary.BigEndian.Uint32(body) != 0 {
				return nil, done, errors.New("the server wants a password")
			}
		case 'D':
			row, err := dataRow(body)
			if err != nil {
				return nil, done, err
			}
			rows = append(rows, row)
		case 'C', 'I': // CommandComplete, EmptyQueryResponse
			done++
		case 'E':
			failed = serverError(body)
		case 'G':
			if err := c.copyIn(data); err != nil {
				return nil, done, err
			}
		case 'Z':
			if len(body) > 0 {
				c.status = body[0]
			}
			return rows, done, failed
		}
	}
}

func (c *Conn) message() (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n < 4 || n > maxMessage {
		return 0, nil, fmt.Errorf("the server sent a message of %d bytes", n)
	}
	// As long as what comes, not as what was announced.
	body, err = io.ReadAll(io.LimitReader(c.r, int64(n-4)))
	if err == nil && len(body) < int(n-4) {
		err = io.ErrUnexpectedEOF
	}
	return head[0], body, err
}

var errShort = errors.New("the server sent a message that is too short")

func dataRow(b []byte) ([]string, error) {
	if len(b) < 2 {
		return nil, errShort
	}
	row := make([]string, binary.BigEndian.Uint16(b))
	b = b[2:]
	for i := range row {
		if len(b) < 4 {
			return nil, errShort
		}
		n := int32(binary.BigEndian.Uint32(b))
		b = b[4:]
		if n < 0 {
			continue // NULL
		}
		if int(n) > len(b) {
			return nil, errShort
		}
		row[i], b = string(b[:n]), b[n:]
	}
	return row, nil
}

func serverError(b []byte) *Error {
	e := &Error{}
	for field := range strings.SplitSeq(string(b), "\x00") {
		if field == "" {
			break
		}
		switch field[0] {
		case 'V':
			e.Severity = field[1:]
		case 'C':
			e.Code = field[1:]
		case 'M':
			e.Message = field[1:]
		case 'D':
			e.Detail = field[1:]
		case 'H':
			e.Hint = field[1:]
		case 'P':
			e.Position, _ = strconv.Atoi(field[1:]) // the server's own number
		}
	}
	return e
}

// Literal quotes a string for SQL, whatever standard_conforming_strings is.
func Literal(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return " E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}

// Identifier quotes a name for SQL.
func Identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
