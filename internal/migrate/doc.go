// Package migrate reads migration files and runs them: plain SQL, dumps of pg_dump, and the files of goose, golang-migrate,
// dbmate, sql-migrate, tern and atlas. It owns what their notes mean, the order of files, and the line that an error is on.
// What it does not understand it refuses, with the name of the tool.
//
// It knows no driver: whoever runs a script brings a [Session]. It keeps no record of what was applied.
package migrate
