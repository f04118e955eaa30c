package migrate

import (
	"context"
	"errors"
	"fmt"

	"nself.org/embeddedpg/internal/fault"
)

// Session is a connection to a server, by the simple query protocol.
type Session interface {
	// Exec runs statements and returns how many were completed.
	Exec(ctx context.Context, sql string) (done int, err error)
	// Copy runs a COPY ... FROM STDIN.
	Copy(ctx context.Context, sql string, data []byte) error
	// InTransaction reports whether a transaction is open, failed or not.
	InTransaction() bool
	// Explain returns the SQLSTATE of an error and its position in the statements, in characters from 1; 0 if it has none.
	Explain(err error) (code string, position int)
}

// Run is how a script is run.
type Run struct {
	Path  string                          // of the file, for errors
	Begin string                          // statements at the beginning of each transaction; may be empty
	Note  func(ctx context.Context) error // runs at the end, in the last transaction; may be nil
}

// Do runs the parts of a script, each in one transaction unless it says otherwise. An error names the line of the file.
func (r Run) Do(ctx context.Context, s Session, tool Tool, parts []Part) error {
	for i, p := range parts {
		note := r.Note
		if i < len(parts)-1 {
			note = nil
		}
		kept, err := r.part(ctx, s, tool, p, note)
		if err == nil {
			continue
		}
		if s.InTransaction() {
			_, _ = s.Exec(context.WithoutCancel(ctx), "ROLLBACK")
		}
		if kept || i > 0 {
			return fmt.Errorf("%w; what comes before it in the file stays", err)
		}
		return err
	}
	return nil
}

// part runs one. kept is whether a part of it stays in spite of an error.
func (r Run) part(ctx context.Context, s Session, tool Tool, p Part, note func(context.Context) error) (kept bool, err error) {
	// What the server is sent at once is a transaction by itself, and then may be a procedure that has transactions.
	tx := p.Outside == "" && (tool != Plain && tool != GolangMigrate || note != nil || len(p.Blocks) > 1)
	if tx {
		if _, err := s.Exec(ctx, "BEGIN;"+r.Begin); err != nil {
			return false, err
		}
	}
	for i, b := range p.Blocks {
		if line, err := r.block(ctx, s, b); err != nil {
			return !tx && i > 0, r.wrong(s, tool, line, err)
		}
		if tx && !s.InTransaction() {
			return true, &fault.Error{Op: "run", Path: r.Path, Err: errors.New("it ends the transaction that it runs in"), Hint: hintOutside(tool, "leave BEGIN and COMMIT out")}
		}
	}
	if !tx && s.InTransaction() {
		return true, &fault.Error{Op: "run", Path: r.Path, Err: errors.New("it begins a transaction that it does not end"), Hint: "leave BEGIN and COMMIT out: each file is a transaction"}
	}
	if note != nil {
		if err := note(ctx); err != nil {
			return !tx, err
		}
	}
	if tx {
		if _, err := s.Exec(ctx, "COMMIT"); err != nil {
			return false, fmt.Errorf("%s: %w", r.Path, err)
		}
	}
	return false, nil
}

// block runs one, and returns the line of an error.
func (r Run) block(ctx context.Context, s Session, b Block) (line int, err error) {
	done := 0
	if b.Copy {
		err = s.Copy(ctx, b.SQL, b.Data)
	} else {
		done, err = s.Exec(ctx, b.SQL)
	}
	if err == nil {
		return 0, nil
	}
	_, position := s.Explain(err)
	if position == 0 {
		return b.Lines[min(done, len(b.Lines)-1)], err
	}
	line, at := b.Line, 1
	for _, c := range b.SQL {
		if at >= position {
			break
		}
		if c == '\n' {
			line++
		}
		at++
	}
	return line, err
}

// activeTransaction is the SQLSTATE of a statement that may not run in a transaction.
const activeTransaction = "25001"

// wrong says where an error is.
func (r Run) wrong(s Session, tool Tool, line int, err error) error {
	err = fmt.Errorf("%s:%d: %w", r.Path, line, err)
	if code, _ := s.Explain(err); code == activeTransaction && noTransaction[tool] != "" {
		return fmt.Errorf("%w (%s)", err, hintOutside(tool, ""))
	}
	return err
}

// hintOutside says how a file of the tool runs without a transaction, or other if it needs no note.
func hintOutside(tool Tool, other string) string {
	if noTransaction[tool] == "" {
		return other
	}
	return string(tool) + " runs it without a transaction if it says " + noTransaction[tool]
}
