package studio

import (
	"context"
	"time"
)

// Backups makes, lists and restores backups for the page.
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
