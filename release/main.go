// Command release packs what release.sh has built: archives, Debian and RPM packages, a Homebrew formula, and their sums. The
// same input gives the same bytes: every time in them is that of the commit.
package main

import (
	"debug/buildinfo"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// platform is one that there is a program for.
type platform struct{ system, processor string }

var platforms = []platform{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}}

func (p platform) String() string { return p.system + "-" + p.processor }

// release is what is packed.
type release struct {
	version string    // without the v
	when    time.Time // of the commit
	built   string    // directory: nself-SYSTEM-PROCESSOR for each platform, man/, completions/
	out     string    // directory of the results
	url     string    // where the results will be
	top     string    // of the sources
}

func main() {
	log.SetFlags(0)
	var r release
	commit := flag.Int64("time", 0, "the commit's time, in seconds since 1970")
	flag.StringVar(&r.built, "built", "", "the directory with what was built")
	flag.StringVar(&r.out, "out", "", "the directory for the results")
	flag.StringVar(&r.url, "url", "", "where the results will be, for the formula")
	flag.StringVar(&r.top, "top", "..", "the sources")
	flag.Parse()
	r.when = time.Unix(*commit, 0).UTC()
	if err := r.make(); err != nil {
		log.Fatal("release: ", err)
	}
}

func (r *release) make() error {
	if err := r.takeVersion(); err != nil {
		return err
	}
	return r.packAll()
}

// packAll packs what there is for each platform.
func (r *release) packAll() error {
	for _, p := range platforms {
		program := filepath.Join(r.built, "nself-"+p.String())
		if _, err := os.Stat(program); err != nil {
			log.Printf("%s is NOT part of it: %v", p, err)
			continue
		}
		files, err := r.files(p, program)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if err := r.archive(p, files); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if p.system == "linux" {
			if err := r.packages(p, files); err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
		}
	}
	if err := r.formula(); err != nil {
		return err
	}
	return r.sums()
}

// takeVersion takes what Go has noted in a program of git's tags and commit.
func (r *release) takeVersion() error {
	info, err := buildinfo.ReadFile(filepath.Join(r.built, "nself-linux-amd64"))
	if err != nil {
		return err
	}
	r.version = strings.TrimPrefix(info.Main.Version, "v")
	if r.version == "" || r.version == "(devel)" || strings.HasSuffix(r.version, "+dirty") {
		return fmt.Errorf("version %q is none to release: everything must be committed", info.Main.Version)
	}
	return nil
}
