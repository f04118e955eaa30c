// Package ledger applies a project's SQL files to its database, each once and in order: migrations, which make the schema, and
// seeds, which fill it. It owns where they are looked for and the ledger in the database that says which have been applied.
// What is in the files is internal/migrate's to know. It starts no database.
package ledger
