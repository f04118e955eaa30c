// Package cluster owns the data directory and the postmaster that runs on it: who may open it,
// whether it is one of ours, how a new one is made, with which arguments the server starts, when it
// is ready, what it says in its log, and how it stops.
//
// It does not listen for clients (package listen does) and does not compile or load the programs
// (package programs does): it gets them as a function from guest path to kernel.Module.
//
// The rule everything here follows: data that is there is never deleted and never initialised again.
// A directory is either absent or empty, and then it may become a cluster in one rename, or it is a
// cluster that passed every check, or it is refused with an error that says what it is.
package cluster
