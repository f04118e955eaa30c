//go:build race

package stress

// raceDetector: its shadow memory grows with all that was ever touched.
const raceDetector = true
