package ring

// NewOnHeap is New with memory of the Go heap: the race detector does not see other memory.
func NewOnHeap() (*Conn, *Guest, error) { return newPair(make([]byte, memorySize)) }

// Late makes the next Read hold its P, as after a park that ended late.
func (c *Conn) Late() { c.reading.spin.holding = holder{late: true} }
