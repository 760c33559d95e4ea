package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
)

// Access is what a reader of versions holds and demands.
type Access struct {
	Identities []age.Identity // decrypt versions that are encrypted
	Trust      Trust          // demands signatures
}

// ErrSealed is a version that is encrypted to others.
var ErrSealed = errors.New("encrypted, and there is no identity for it")

// Read returns the plain bytes of a version and of its warm-up inputs, after it has proven that they are what was
// published and, where that is demanded, signed. What is encrypted is decrypted in memory only. Errors wrap ErrCorrupt,
// ErrNotFound, ErrSealed or ErrSignature.
func (s *Store) Read(name string, v Version, a Access) (model []byte, warmup [][]byte, err error) {
	if model, err = s.readFile(v.File, a); err != nil {
		return nil, nil, err
	}
	for _, f := range v.Warmup {
		data, err := s.readFile(f, a)
		if err != nil {
			return nil, nil, fmt.Errorf("warm-up inputs: %w", err)
		}
		warmup = append(warmup, data)
	}
	if len(a.Trust) == 0 {
		return model, warmup, nil
	}
	if err := a.Trust.Verify(v.Signature, name, v.Number, v.digests()); err != nil { // which the bytes were just proven to have
		return nil, nil, err
	}
	return model, warmup, nil
}

// readFile reads one file.
func (s *Store) readFile(f File, a Access) ([]byte, error) {
	data, err := s.Blob(f.Digest)
	if err != nil || f.Plain == "" {
		return data, err
	}
	plain, err := decrypt(data, a.Identities)
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", f.Digest, err)
	}
	if got := Digest(plain); got != f.Plain {
		return nil, fmt.Errorf("blob %s: it holds bytes with the digest %s, expected %s: %w", f.Digest, got, f.Plain, ErrCorrupt)
	}
	return plain, nil
}

// decrypt decrypts an age file in memory. Errors wrap ErrSealed or ErrCorrupt.
func decrypt(data []byte, identities []age.Identity) ([]byte, error) {
	if len(identities) == 0 {
		return nil, ErrSealed
	}
	r, err := age.Decrypt(bytes.NewReader(data), identities...)
	if errors.As(err, new(*age.NoIdentityMatchError)) {
		return nil, ErrSealed
	}
	plain := bytes.NewBuffer(make([]byte, 0, len(data)))
	if err == nil {
		_, err = io.Copy(plain, r)
	}
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w: %w", err, ErrCorrupt)
	}
	return plain.Bytes(), nil
}

// sealed is how an age file begins.
const sealed = "age-encryption.org/v1\n"

// Open returns the plain bytes of what was staged. Those that came encrypted are decrypted, in memory only, and known to
// be so from then on. Errors wrap ErrSealed or ErrCorrupt.
func (b *Staged) Open(identities []age.Identity) ([]byte, error) {
	data, err := os.ReadFile(b.path)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	if !bytes.HasPrefix(data, []byte(sealed)) {
		return data, nil
	}
	plain, err := decrypt(data, identities)
	if err == nil {
		b.plainDigest = Digest(plain)
	}
	return plain, err
}
