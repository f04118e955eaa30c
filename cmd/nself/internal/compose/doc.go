// Package compose writes what Docker Compose needs to run a project's services: docker-compose.yml, Nginx's
// configuration and certificates, and the files with their secrets. It also knows the services' addresses, the SQL
// that the database needs before they start, and how to move the data between the embedded database and one in
// Docker. It runs no service itself.
//
// Secrets are in .nself/env/*.env, mode 0600, which docker-compose.yml names; they are on no command line.
package compose
