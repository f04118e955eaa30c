//go:build race

package sessions

// raceDetector tells that times and memory are the race detector's as much as ours.
const raceDetector = true
