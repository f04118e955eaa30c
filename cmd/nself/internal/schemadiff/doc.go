// Package schemadiff writes the migration that makes one database's schema another's. Both schemas come as pg_dump writes
// them, and are made again in two databases of a server that is there for that alone; so the servers that they come from
// are only read, and may be older ones.
//
// github.com/stripe/pg-schema-diff plans what it knows: tables, columns, constraints, indexes, sequences, views, functions,
// triggers, policies, enums and privileges of tables. What else is new, as types, domains and comments, is taken as pg_dump
// writes it. The migration is tried on the copy of the one schema, and compared by pg_dump with the other: what is left
// is said, so that nothing is passed over.
package schemadiff
