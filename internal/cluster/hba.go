package cluster

// hbaProgram lets a connection of the host program in without a password. Only package kernel can give a connection this
// peer address, and package listen refuses it from a network. A process sees these rules in place of pg_hba.conf when it
// serves such a connection: see dialedView.
const hbaProgram = `# TYPE  DATABASE     USER  ADDRESS     METHOD
host    all          all   0.0.0.1/32  trust
host    replication  all   0.0.0.1/32  trust
`

// hbaOwn is the pg_hba.conf of a cluster that has none (Debian's keep theirs elsewhere).
const hbaOwn = `# This data directory had no pg_hba.conf. Servers that keep theirs elsewhere do not read this one.
# TYPE  DATABASE     USER  ADDRESS  METHOD
local   all          all            scram-sha-256
host    all          all   all      scram-sha-256
local   replication  all            scram-sha-256
host    replication  all   all      scram-sha-256
`

// hbaNew is added to the rules of a new cluster: initdb's cover the loopback addresses alone, and which
// address is listened on is the program's choice.
const hbaNew = `
# Other addresses, if the server listens on one.
host    all             all             all                     scram-sha-256
`
