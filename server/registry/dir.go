package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// A version that lies in a directory of its own, NAME/NUMBER as TensorFlow Serving and Triton lay models out, is signed by
// a file in it, SignatureFile: the same bundle as in a registry, over every other file below that directory.

// What a directory that is signed may have.
const (
	maxDirFiles  = 4096
	maxDirBytes  = 8 << 30
	maxSignature = 1 << 20
)

// DirDigests is the names of all files below the directory of a version, the signature itself aside, with the SHA-256 of
// their bytes. keep, if it is not nil, says where the bytes of a file go as they are hashed: what is used later must be
// these, since the directory may change. A file of another kind, such as a link, gives ErrSignature.
func DirDigests(dir *os.Root, keep func(name string) (io.WriteCloser, error)) (map[string]string, error) {
	digests := map[string]string{}
	left := int64(maxDirBytes)
	err := fs.WalkDir(dir.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() || name == SignatureFile:
			return nil
		case !e.Type().IsRegular():
			return fmt.Errorf("%s: neither a file nor a directory, which cannot be signed: %w", name, ErrSignature)
		case len(digests) == maxDirFiles:
			return fmt.Errorf("more than %d files: %w", maxDirFiles, ErrLimit)
		}
		var n int64
		digests[name], n, err = digestFile(dir, name, left, keep)
		left -= n
		return err
	})
	return digests, err
}

// digestFile hashes a file of at most limit bytes.
func digestFile(dir *os.Root, name string, limit int64, keep func(string) (io.WriteCloser, error)) (digest string, n int64, err error) {
	f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not make it wait
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	to := io.Writer(h)
	if keep != nil {
		kept, err := keep(name)
		if err != nil {
			return "", 0, err
		}
		defer func() {
			if closeErr := kept.Close(); err == nil {
				err = closeErr
			}
		}()
		to = io.MultiWriter(h, kept)
	}
	if n, err = io.Copy(to, io.LimitReader(f, limit+1)); err == nil && n > limit {
		err = fmt.Errorf("files of more than %d bytes: %w", int64(maxDirBytes), ErrLimit)
	}
	return hex.EncodeToString(h.Sum(nil)), n, err
}

// VerifyDir proves that the signature in the directory of a version is one by a key of t of these files. Errors wrap
// ErrSignature.
func (t Trust) VerifyDir(dir *os.Root, name string, number int64, digests map[string]string) error {
	f, err := dir.OpenFile(SignatureFile, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s version %d has no signature: expected %s (hotpath models sign): %w", name, number,
			path.Join(name, fmt.Sprint(number), SignatureFile), ErrSignature)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", SignatureFile, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSignature))
	if err != nil {
		return fmt.Errorf("%s: %w", SignatureFile, err)
	}
	return t.Verify(data, name, number, digests)
}

// SignDir writes the signature of a version into its directory, in the place of one that is there.
func (s *Signer) SignDir(dir *os.Root, name string, number int64) error {
	digests, err := DirDigests(dir, nil)
	if err != nil {
		return err
	}
	bundle, err := s.Sign(name, number, digests)
	if err != nil {
		return err
	}
	return dir.WriteFile(SignatureFile, append(bundle, '\n'), 0o644)
}
