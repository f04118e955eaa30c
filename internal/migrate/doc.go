// Package migrate applies a project's SQL files to its database, each once and in order: migrations, which
// make the schema, and seeds, which fill it. It owns where they are looked for, how they are named, and the
// ledger in the database that says which have been applied. It starts no database.
package migrate
