package testserver

import (
	"errors"
	"os"
	"path/filepath"

	"nself.org/embeddedpg/internal/cluster"
)

// maxContents is how large a template may be for its contents to be held in memory: bytes.
const maxContents = 256 << 20

var errTooLarge = errors.New("the template is too large to be held in memory")

// readContents reads the files of a template's directory.
func readContents(dir string) (*cluster.Files, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	c := &cluster.Files{}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			return nil, errors.New("the template's directory holds something that is not a file: " + e.Name())
		}
		st, err := e.Info()
		if err != nil {
			return nil, err
		}
		if c.Size+st.Size() > maxContents {
			return nil, errTooLarge
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		c.Add(cluster.File{Name: e.Name(), Data: data, Size: int64(len(data))})
	}
	return c, nil
}
