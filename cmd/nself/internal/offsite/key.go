package offsite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"

	"nself.org/embeddedpg/internal/fault"
)

// Key seals backups and opens them: an age identity in a file.
type Key struct {
	Path     string
	identity *age.X25519Identity
}

// ErrNoKey says that there is no key yet.
var ErrNoKey = errors.New("there is no key")

// ReadKey reads a key's file, which nobody else may read.
func ReadKey(path string) (*Key, error) {
	bad := func(err error, hint string) (*Key, error) {
		return nil, &fault.Error{Op: "read the key of the backups", Path: path, Err: err, Hint: hint}
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return bad(ErrNoKey, "put the file there that the backups were made with, or name it: BACKUP_KEY")
	}
	if err != nil {
		return bad(err, "")
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return bad(err, "")
	}
	if st.Mode().Perm()&0o077 != 0 {
		return bad(errors.New("other users can read it"), "chmod 600 "+path)
	}
	found, err := age.ParseIdentities(f)
	if err != nil {
		return bad(errors.New("it holds no age identity"), "age-keygen makes such a file")
	}
	identity, ok := found[0].(*age.X25519Identity)
	if !ok || len(found) > 1 {
		return bad(errors.New("it must hold one identity that begins with AGE-SECRET-KEY-1"), "age-keygen makes such a file")
	}
	return &Key{path, identity}, nil
}

// MakeKey makes a new key's file. One that is there stays, and is an error.
func MakeKey(path string) (*Key, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, &fault.Error{Op: "make the key of the backups", Path: path, Err: err}
	}
	_, err = fmt.Fprintf(f, "# The key of nself's backups: whoever has it can read them, and without it nobody can.\n# public key: %s\n%s\n", identity.Recipient(), identity)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(path)
		return nil, err
	}
	return &Key{path, identity}, nil
}

// seal returns what is to be stored of r.
func (k *Key) seal(r io.Reader) io.ReadCloser {
	out, in := io.Pipe()
	go func() { // ends with r, or when out is closed
		w, err := age.Encrypt(in, k.identity.Recipient())
		if err == nil {
			_, err = io.Copy(w, r)
		}
		if err == nil {
			err = w.Close()
		}
		in.CloseWithError(err)
	}()
	return out
}

// open returns what was sealed. A change of any byte, or a missing end, is an error of its Read.
func (k *Key) open(r io.Reader, what string) (io.Reader, error) {
	plain, err := age.Decrypt(r, k.identity)
	var other *age.NoIdentityMatchError
	if errors.As(err, &other) {
		return nil, &fault.Error{Op: "open", Path: what, Err: errors.New("it was sealed with another key"), Hint: "name the key's file that it was made with: BACKUP_KEY; this is " + k.Path}
	}
	if err != nil {
		return nil, damaged(what, err)
	}
	return plain, nil
}
