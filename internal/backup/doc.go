// Package backup makes, lists, verifies, restores and prunes backups of a server. A backup is either logical, what
// pg_dump writes of one database, or physical, what pg_basebackup copies of a whole cluster, from which any moment can
// be recovered for which the write-ahead log was archived.
//
// It owns the directory of backups and what is in it. It starts no server: a Target says how one is reached, and
// a Scratch function starts one where a backup has to be tried.
//
// The rule everything here follows: what has its final name is whole and on disk. A backup is made under another
// name, flushed, and renamed; a database is restored under another name, and swapped with the old one in one
// transaction; a data directory is recovered beside the old one, and exchanged with it in one call.
package backup
