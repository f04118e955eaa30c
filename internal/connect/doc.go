// Package connect says how this project's own code reaches a server: as a URL, as libpq's environment,
// and as a driver's configuration that nothing of the host's can change. It opens no connection.
//
// A driver reads the variables that libpq reads, and the files that they or HOME name. They are a
// person's, and about a person's servers: what the project connects by itself must not follow them.
package connect
