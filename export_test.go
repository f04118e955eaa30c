package embeddedpg

import (
	"os"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vm"
)

// Kernel is the kernel that the server's processes run on.
func Kernel(s *Server) *kernel.Kernel { return s.pm.Kernel() }

// KillPostmaster kills the server's first process as kill -9 would. Its id is that of this program (kernel.Config).
func KillPostmaster(s *Server) { s.pm.Kernel().Kill(os.Getpid(), abi.SIGKILL) }

// Quick reports whether the processes that the server starts run the quickly compiled code.
func Quick(s *Server) bool { return s.programs.Program("/pgsql/bin/postgres").(*vm.Module).Quick() }

// Public is public.
func Public(err error) error { return public(err) }
