// Package project reads what a project says of itself: the .env files of its directory and the process's
// environment, with nself's defaults, checked. It also writes the first .env. It starts nothing, and knows
// neither Docker nor the database.
package project
