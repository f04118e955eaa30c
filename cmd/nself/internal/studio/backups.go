package studio

import (
	"context"
	"net/http"
	"time"
)

// Backups makes, lists, verifies and restores backups for the page.
type Backups interface {
	List(ctx context.Context) ([]Backup, error)
	// Create makes a backup of a database and returns its ID.
	Create(ctx context.Context, database string, progress func(string)) (string, error)
	// Verify proves a backup, and says what it holds.
	Verify(ctx context.Context, id string, progress func(string)) (string, error)
	// Restore makes a new database of a backup, and says what it holds. If there is such a database, it is an error.
	Restore(ctx context.Context, id, database string, progress func(string)) (string, error)
}

// Backup is one as the page lists it.
type Backup struct {
	ID       string    `json:"id"`
	Created  time.Time `json:"created"`
	Format   string    `json:"format"`
	Database string    `json:"database"` // "": all of the cluster
	Size     int64     `json:"size"`
	Damaged  string    `json:"damaged,omitempty"`
}

func (s *Studio) listBackups(ctx context.Context, _ none) ([]Backup, error) {
	list, err := s.config.Backups.List(ctx)
	if list == nil {
		list = []Backup{}
	}
	return list, err
}

// Backing names a backup, and what is to become of it.
type Backing struct {
	in        // to be backed up, or to be made
	ID string `json:"id"`
}

// Step is what a backup, a check or a restore is at, or what it has done.
type Step struct {
	Kind string `json:"kind"` // step, finished
	Text string `json:"text"`
}

// work runs something of the backups, and tells how far it is.
func (s *Studio) work(f func(ctx context.Context, b Backing, progress func(string)) (string, error)) func(context.Context, Backing, func(any)) error {
	return func(ctx context.Context, b Backing, send func(any)) error {
		if b.Database == "" {
			b.Database = s.config.Database
		}
		last := ""
		text, err := f(ctx, b, func(step string) {
			if step != last {
				send(Step{"step", step})
			}
			last = step
		})
		if err == nil {
			send(Step{"finished", text})
		}
		return err
	}
}

// backupRoutes are the functions for backups, where there are any.
func (s *Studio) backupRoutes(mux *http.ServeMux) {
	backups := s.config.Backups
	if backups == nil {
		return
	}
	handle(mux, "backups", s.listBackups)
	stream(mux, "backups/create", s.work(func(ctx context.Context, b Backing, progress func(string)) (string, error) {
		return backups.Create(ctx, b.Database, progress)
	}))
	stream(mux, "backups/verify", s.work(func(ctx context.Context, b Backing, progress func(string)) (string, error) {
		return backups.Verify(ctx, b.ID, progress)
	}))
	stream(mux, "backups/restore", s.work(func(ctx context.Context, b Backing, progress func(string)) (string, error) {
		if s.config.ReadOnly {
			return "", errReadOnly()
		}
		return backups.Restore(ctx, b.ID, b.Database, progress)
	}))
}
