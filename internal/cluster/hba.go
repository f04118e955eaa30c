package cluster

import "strings"

// hbaHead lets connections of the host program in without a password. Only package kernel can give a
// connection this peer address, and package listen refuses it from a network.
const hbaHead = `# Connections that the program makes to its own server, then the cluster's own rules.
# TYPE  DATABASE     USER  ADDRESS     METHOD
host    all          all   0.0.0.1/32  trust
host    replication  all   0.0.0.1/32  trust
`

// hbaOwn is what stands in for the rules of a cluster that has none (Debian's keep them elsewhere).
const hbaOwn = `local   all          all               scram-sha-256
host    all          all   all         scram-sha-256
local   replication  all               scram-sha-256
host    replication  all   all         scram-sha-256
`

// hbaNew is added to the rules of a new cluster: initdb's cover the loopback addresses alone, and which
// address is listened on is the program's choice.
const hbaNew = `
# Other addresses, if the server listens on one.
host    all             all             all                     scram-sha-256
`

// hba returns the contents of the file that the server's hba_file names. Include directives exist
// since PostgreSQL 16 (src/backend/libpq/hba.c).
func hba(hasOwn bool) string {
	var b strings.Builder
	b.WriteString(hbaHead)
	if hasOwn {
		b.WriteString("include_if_exists " + guestData + "/pg_hba.conf\n")
	} else {
		b.WriteString(hbaOwn)
	}
	return b.String()
}
