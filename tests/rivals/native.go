package rivals

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

const nobody = 65534

// Native starts Debian's PostgreSQL 18 as user nobody on the cluster in Work/native, which initdb makes if it is not
// there.
func Native(ctx context.Context, p Place) (*Server, error) {
	s := &Server{Name: "native", place: p, sockets: filepath.Join(p.Work, "n"), children: true, stop: syscall.SIGINT}
	data := filepath.Join(p.Work, "native")
	user := []string{fmt.Sprintf("--userspec=%d:%d", nobody, nobody), p.Root}
	env := []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); os.IsNotExist(err) {
		for _, dir := range []string{data, s.sockets} {
			if err := os.Mkdir(dir, 0o700); err != nil {
				return nil, err
			}
			if err := os.Chown(dir, nobody, nobody); err != nil {
				return nil, err
			}
		}
		initdb := exec.CommandContext(ctx, "chroot", append(user, bin+"initdb", "-D", p.inside(data), "-U", "postgres", "-A", "trust",
			"-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--data-checksums")...)
		initdb.Env = env
		if out, err := initdb.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("native initdb: %w\n%s", err, out)
		}
	}
	args := append(user, bin+"postgres", "-D", p.inside(data), "-c", "listen_addresses=", "-c", "huge_pages=off",
		"-c", "unix_socket_directories="+p.inside(s.sockets))
	for k, v := range p.settings() {
		args = append(args, "-c", k+"="+v)
	}
	s.command = exec.Command("chroot", args...)
	s.command.Env = env
	return s, s.launch(ctx)
}
