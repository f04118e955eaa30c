package kernel

// What the kernel asks of a machine for dlopen.

// Linker is a Module whose instances can take in more code while they run, as dlopen does.
type Linker interface {
	// Side prepares a side module: checks it, compiles it or finds it compiled, and resolves what it needs against
	// what the program exports. The same code gives the same Side. It may be called from any thread.
	Side(name string, code []byte) (Side, error)
}

// Side is a side module that fits a program. Its methods may be called from any thread, but for Link.
type Side interface {
	// Data is how much memory of the guest the module's data needs: bytes, and a power of two as their alignment.
	Data() (size, align uint32)
	// Link puts the module into the instance of h, in a system call of that instance. data is a guest address that
	// fits Data, of memory that is zero. An error leaves the instance as it was, as far as it can tell.
	Link(h Host, data uint32) (Linked, error)
}

// Linked is a side module in an instance; to be used in system calls of that instance.
type Linked interface {
	// Finish returns the functions that the guest has to call to finish the loading, in this order; 0 is none. They are
	// indexes of the instance's table.
	Finish() [2]uint32
	// Symbol returns the address of data, or of a function, which is its index in the table.
	Symbol(name string) (uint32, bool)
}
