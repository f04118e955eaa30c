//go:build !race

package embeddedpg_test

const raceDetector = false
