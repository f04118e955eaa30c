package embeddedpg

import (
	"os"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
)

// Kernel is the kernel that the server's processes run on.
func Kernel(s *Server) *kernel.Kernel { return s.pm.Kernel() }

// KillPostmaster kills the server's first process as kill -9 would. Its id is that of this program (kernel.Config).
func KillPostmaster(s *Server) { s.pm.Kernel().Kill(os.Getpid(), abi.SIGKILL) }

// Public is public.
func Public(err error) error { return public(err) }
