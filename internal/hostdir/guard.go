//go:build unix

package hostdir

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// guard is a shell that waits for the end of this program, and then removes the directory.
type guard struct {
	cmd  *exec.Cmd
	life io.WriteCloser // the pipe that ends with this program
}

// guardScript reads until the pipe ends: the last line is the directory to which what is kept moves. The marker is moved last.
// Signals of the terminal are for the program, not for its guard.
const guardScript = `trap '' HUP INT TERM
to=
while read -r line; do to=$line; done
if [ -e "$2" ]; then
	rm -rf -- "$1"
elif [ -n "$to" ] && [ -e "$3" ]; then
	for file in "$1"/*; do
		[ "$file" = "$3" ] || mv -f -- "$file" "$to/" || exit
	done
	mv -f -- "$3" "$to/" && rm -rf -- "$1"
fi`

// RemoveAtExit makes the directory go as soon as the program has ended, in whatever way, unless Keep came before: for
// programs that cannot say when they end, as a test binary. Without a shell it goes when the next one is made.
func (d *Temp) RemoveAtExit() {
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	defer r.Close()
	cmd := exec.Command("/bin/sh", "-c", guardScript, "sh", d.path, filepath.Join(d.path, marker), filepath.Join(d.path, kept))
	cmd.Stdin = r
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		w.Close()
		return
	}
	d.guard = &guard{cmd, w}
}

// end ends the guard, which removes the directory if that was neither removed nor kept.
func (g *guard) end() {
	g.life.Close()
	_ = g.cmd.Wait()
}
