// Package docker looks at the Docker engine that this user's docker command talks to: whether it is there, what kind
// it is, and by which route its containers reach a database of this machine. It asks the docker command, which
// knows contexts, credentials and ssh; it starts and changes nothing.
package docker
