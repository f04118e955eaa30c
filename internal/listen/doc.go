// Package listen owns the sockets that clients connect to: a Unix socket and a TCP address of the host,
// and connections made within the program. It accepts, and hands the raw descriptors on; what is said on
// them, and how long an idle client may stay, is the server's own business.
//
// It knows nothing of the server but a function that takes a connection.
package listen

import "nself.org/embeddedpg/internal/kernel"

// Push takes over an accepted connection, its descriptor included, also when it returns an error.
type Push func(kernel.Conn) error
