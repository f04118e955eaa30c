package vm

import (
	"fmt"
	"reflect"
	"runtime"

	"golang.org/x/sys/cpu"
)

// cpuFeatures names the processor and all its features that are known, in a fixed order. Machine code compiled on one
// machine may not run on another that shares the cache directory.
func cpuFeatures() string {
	return runtime.GOOS + " " + runtime.GOARCH + features(cpu.X86) + features(cpu.ARM64)
}

func features(set any) string {
	s := ""
	v := reflect.ValueOf(set)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Bool && f.Bool() {
			s += fmt.Sprint(" ", v.Type().Field(i).Name)
		}
	}
	return s
}
