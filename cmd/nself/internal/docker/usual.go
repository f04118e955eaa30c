package docker

import (
	"errors"
	"runtime"
)

// Usual is the engine that most machines of this kind have: Docker Engine on Linux, Docker Desktop elsewhere. Files can be
// written for it where Find finds none; it cannot run anything.
func Usual() Engine {
	if runtime.GOOS == "linux" {
		return Engine{System: "Docker Engine on Linux"}
	}
	return Engine{System: "Docker Desktop", Desktop: true}
}

// Unavailable reports whether an error of Find says that there is no engine to use, now or at all.
func Unavailable(err error) bool {
	for _, why := range []error{ErrNoCommand, ErrDown, ErrPermission, ErrNoCompose, ErrOldCompose} {
		if errors.Is(err, why) {
			return true
		}
	}
	return false
}
