//go:build race

package testenv

// Race tells that the race detector is in the program: times and memory are as much its own as ours, and its shadow memory
// grows with all that was ever touched.
const Race = true
