// Package studio is the page of nself studio: a program that shows a server's databases in the
// browser of the user who started it, on this machine alone. It owns the HTTP server, who may
// use it (guard.go), the API and the page itself (static/), which is plain ES modules and style sheets.
//
// It does not know where the server is, nor how backups are made: its Config says so.
//
// The API is one POST a function, with JSON both ways; functions that take long answer with a JSON
// object a line. Nothing is done by GET but handing out the page.
package studio
