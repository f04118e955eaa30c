// Package branch keeps the branches of an embedded database: copies of a cluster, each in a runtime directory of its own
// below that of the main database. It owns their names and what is written of them, which of them is current, what Git
// says of that, and that a branch is there whole or not at all. It copies nothing and starts nothing itself.
package branch
