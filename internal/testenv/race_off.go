//go:build !race

package testenv

// Race tells whether the race detector is in the program.
const Race = false
