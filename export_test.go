package embeddedpg

import "nself.org/embeddedpg/internal/kernel"

// Kernel is the kernel that the server's processes run on.
func Kernel(s *Server) *kernel.Kernel { return s.pm.Kernel() }

// KillPostmaster kills the server's first process as kill -9 would.
func KillPostmaster(s *Server) { s.pm.Signal(kernel.SIGKILL) }
