module nself.org/embeddedpg

go 1.26.0

require (
	github.com/bytecodealliance/wasmtime-go/v44 v44.0.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
