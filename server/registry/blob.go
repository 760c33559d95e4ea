package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"
)

// Digest is the name of a blob: the SHA-256 of data in lower-case hex.
func Digest(data []byte) string {
	h := sha256.New()
	for part := range slices.Chunk(data, digestPart) {
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// digestPart is how much is hashed at once, some 100 µs of work: the assembly of a hash cannot be interrupted, and a
// pause of the garbage collector, which stops all goroutines, would wait for the end of a large model.
const digestPart = 128 << 10

// validDigest reports whether s could be a Digest. Without a regular expression, which would be compiled at every start of the program.
func validDigest(s string) bool {
	return len(s) == hex.EncodedLen(sha256.Size) && strings.Trim(s, "0123456789abcdef") == ""
}

// Staged is bytes that lie in the registry durably and belong to no version yet. Whoever staged them publishes or
// discards them.
type Staged struct {
	Digest string // of the bytes that are stored
	Size   int64

	file        *os.File // open, and locked, until it is published or discarded: Prune leaves it alone
	path        string
	plainDigest string // where they are encrypted, of what was
}

// Discard removes the bytes unless they were published. It may be called more than once.
func (b *Staged) Discard() {
	_ = os.Remove(b.path)
	_ = b.file.Close()
}

// Stage writes what r has, at most limit bytes, to a file of the registry without ever holding all of it. With
// recipients it is encrypted on the way, so that the plain bytes are on no disk. Errors of r come through as they are;
// too many bytes give ErrLimit.
func (s *Store) Stage(r io.Reader, limit int64, recipients ...age.Recipient) (b *Staged, err error) {
	if err := s.mkdir(s.tmpDir(), filepath.Dir(s.blobDir()), s.blobDir()); err != nil {
		return nil, err
	}
	f, err := s.createStaged()
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	staged := &Staged{file: f, path: f.Name()}
	b = staged
	defer func() {
		if err != nil {
			staged.Discard()
			b, err = nil, fmt.Errorf("registry: write blob: %w", err)
		}
	}()
	stored, plain := sha256.New(), sha256.New()
	source := io.TeeReader(io.LimitReader(r, limit+1), plain)
	var read int64
	if len(recipients) == 0 {
		read, err = io.Copy(io.MultiWriter(f, stored), source)
	} else {
		var seal io.WriteCloser
		if seal, err = age.Encrypt(io.MultiWriter(f, stored), recipients...); err != nil {
			return nil, err
		}
		if read, err = io.Copy(seal, source); err == nil {
			err = seal.Close()
		}
		b.plainDigest = hex.EncodeToString(plain.Sum(nil))
	}
	if err != nil {
		return nil, err
	}
	if read > limit {
		return nil, fmt.Errorf("more than %d bytes: %w", limit, ErrLimit)
	}
	b.Digest = hex.EncodeToString(stored.Sum(nil))
	if b.Size, err = f.Seek(0, io.SeekCurrent); err != nil {
		return nil, err
	}
	if err := s.step("blob written"); err != nil {
		return nil, err
	}
	if err := errors.Join(f.Chmod(0o400), s.give(f)); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil { // a failed fsync is never retried: the kernel may have dropped the pages
		return nil, err
	}
	return b, s.step("blob synced")
}

// commitBlob moves a staged file to its name and makes the name durable. It runs inside the transaction that refers to
// it, so that no deletion in another process can come between.
func (s *Store) commitBlob(b *Staged) error {
	if err := os.Rename(b.path, s.blobPath(b.Digest)); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	if err := s.step("blob renamed"); err != nil {
		return err
	}
	for _, dir := range []string{s.blobDir(), filepath.Dir(s.blobDir()), s.dir} {
		if err := syncDir(dir); err != nil {
			return fmt.Errorf("registry: sync %s: %w", dir, err)
		}
	}
	return s.step("directory synced")
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Blob reads the bytes with a digest and proves that they still have it. Errors wrap ErrNotFound or ErrCorrupt.
func (s *Store) Blob(digest string) ([]byte, error) {
	if !validDigest(digest) {
		return nil, fmt.Errorf("digest %q: expected 64 lower-case hex digits: %w", digest, ErrName)
	}
	data, err := os.ReadFile(s.blobPath(digest))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("blob %s: %w", digest, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", digest, err)
	}
	if got := Digest(data); got != digest {
		return nil, fmt.Errorf("blob %s: its bytes have the digest %s: %w", digest, got, ErrCorrupt)
	}
	return data, nil
}
