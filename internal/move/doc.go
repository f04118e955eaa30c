// Package move takes a database to another PostgreSQL server while its clients go on writing: a copy in the snapshot of a
// replication slot, then the changes since, read from the slot and applied to the target by us, until the clients are sent
// there. It owns the whole of that, and what it leaves on both servers meanwhile; how people are asked and told is its callers'
// business.
//
// Everything that a move has done is on the servers themselves, so that it can go on after the end of this program or of either
// of them. The source has the slot, a publication of the same name, and an event trigger that refuses changes of the schema. The
// target has the schema nself_move with one row: how far the move is, and up to where in the source's log its changes have been
// applied. That row is written in the transactions that apply them: a change is there once, whatever is killed when.
package move
