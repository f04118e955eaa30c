// Package recipes has a test for each of the tools of docs/recipes.md.
package recipes

import (
	"context"
	"database/sql"
	"embed"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"nself.org/embeddedpg/pgtest"
	"nself.org/embeddedpg/pgtest/goosetest"
	"nself.org/embeddedpg/pgtest/migratetest"
	"nself.org/embeddedpg/pgtest/pgxtest"
)

//go:embed goose golang-migrate atlas migrations
var files embed.FS

// TestFiles: MigrateFS understands the files of each tool, without the tool.
func TestFiles(t *testing.T) {
	for _, pattern := range []string{"goose/*.sql", "golang-migrate/*.sql", "atlas/*.sql", "migrations/*.sql"} {
		addFruit(t, pgtest.MigrateFS(files, pattern))
	}
}

// TestGoose has goose itself apply them.
func TestGoose(t *testing.T) { addFruit(t, goosetest.Up(files, "goose")) }

// TestGolangMigrate has golang-migrate itself apply them.
func TestGolangMigrate(t *testing.T) { addFruit(t, migratetest.Up(files, "golang-migrate")) }

// Fruit is a model of gorm.
type Fruit struct {
	ID   int64
	Name string `gorm:"not null"`
}

// TableName keeps gorm from writing it in the plural.
func (Fruit) TableName() string { return "fruit" }

// open gives gorm a handle of database/sql.
func open(handle *sql.DB) (*gorm.DB, error) {
	return gorm.Open(postgres.New(postgres.Config{Conn: handle}), &gorm.Config{})
}

var autoMigrate = pgxtest.Migrate("gorm", func(ctx context.Context, handle *sql.DB) error {
	db, err := open(handle)
	if err != nil {
		return err
	}
	return db.WithContext(ctx).AutoMigrate(&Fruit{})
})

func TestGorm(t *testing.T) {
	db, err := open(pgxtest.New(t, autoMigrate).SQLDB(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Create(&Fruit{Name: "fig"}).Error; err != nil {
		t.Fatal(err)
	}
	var found Fruit
	if err := db.First(&found, "name = ?", "fig").Error; err != nil || found.ID == 0 {
		t.Error(found, err)
	}
}

// Queries has the shape of what sqlc generates for pgx/v5.
type (
	DBTX interface {
		Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
		Query(context.Context, string, ...any) (pgx.Rows, error)
		QueryRow(context.Context, string, ...any) pgx.Row
	}
	Queries struct{ db DBTX }
)

// AddFruit is -- name: AddFruit :one
func (q *Queries) AddFruit(ctx context.Context, name string) (id int64, err error) {
	err = q.db.QueryRow(ctx, "INSERT INTO fruit (name) VALUES ($1) RETURNING id", name).Scan(&id)
	return id, err
}

// TestSqlc: Queries takes a pool, a connection or a transaction.
func TestSqlc(t *testing.T) {
	db := pgxtest.New(t, pgtest.MigrateFS(files, "migrations/*.sql"))
	for _, dbtx := range []DBTX{db.Pool(t), db.Conn(t)} {
		queries := &Queries{dbtx}
		if id, err := queries.AddFruit(t.Context(), "fig"); err != nil || id == 0 {
			t.Error(id, err)
		}
	}
}

// fruitTable is what ent generates as migrate.Tables.
var fruitTable = func() *schema.Table {
	id := &schema.Column{Name: "id", Type: field.TypeInt64, Increment: true}
	table := schema.NewTable("fruit").AddColumn(id).AddColumn(&schema.Column{Name: "name", Type: field.TypeString})
	table.PrimaryKey = []*schema.Column{id}
	return table
}()

// entSchema does what Schema.Create of a generated client does.
var entSchema = pgxtest.Migrate("ent", func(ctx context.Context, handle *sql.DB) error {
	m, err := schema.NewMigrate(entsql.OpenDB(dialect.Postgres, handle))
	if err != nil {
		return err
	}
	return m.Create(ctx, fruitTable)
})

func TestEnt(t *testing.T) { addFruit(t, entSchema) }

// addFruit writes into the table that the option makes.
func addFruit(t *testing.T, option pgtest.Option) {
	t.Helper()
	if _, err := pgxtest.New(t, option).Pool(t).Exec(t.Context(), "INSERT INTO fruit (name) VALUES ('fig')"); err != nil {
		t.Error(err)
	}
}
