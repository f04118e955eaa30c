//go:build cgo && !linux

package vm_test

func gettid() int { return 0 }
