package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Digest is the name of a blob: the SHA-256 of data in lower-case hex.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// validDigest reports whether s could be a Digest. Without a regular expression, which would be compiled at every start of the program.
func validDigest(s string) bool {
	return len(s) == hex.EncodedLen(sha256.Size) && strings.Trim(s, "0123456789abcdef") == ""
}

// stage writes data to a temporary file, durably. The caller renames it into place or removes it.
func (s *Store) stage(data []byte) (path string, err error) {
	for _, dir := range []string{s.tmpDir(), s.blobDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", fmt.Errorf("registry: %w", err)
		}
	}
	f, err := os.CreateTemp(s.tmpDir(), "blob-*")
	if err != nil {
		return "", fmt.Errorf("registry: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
			err = fmt.Errorf("registry: write blob: %w", err)
		}
	}()
	if _, err := f.Write(data); err != nil {
		return "", err
	}
	if err := f.Chmod(0o400); err != nil {
		return "", err
	}
	s.step("blob written")
	if err := f.Sync(); err != nil { // a failed fsync is never retried: the kernel may have dropped the pages
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	s.step("blob synced")
	return f.Name(), nil
}

// commitBlob moves a staged file to its name and makes the name durable. It runs inside the transaction that refers to
// it, so that no deletion in another process can come between.
func (s *Store) commitBlob(staged, digest string) error {
	if err := os.Rename(staged, s.blobPath(digest)); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	s.step("blob renamed")
	for _, dir := range []string{s.blobDir(), filepath.Dir(s.blobDir()), s.dir} {
		if err := syncDir(dir); err != nil {
			return fmt.Errorf("registry: sync %s: %w", dir, err)
		}
	}
	s.step("directory synced")
	return nil
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
