package registry

import (
	"errors"
	"fmt"
	"os"

	"go.etcd.io/bbolt"
)

// Report is the result of Verify.
type Report struct {
	Versions int      `json:"versions"` // checked
	Problems []string `json:"problems"` // versions whose bytes are missing or changed
	Orphans  []string `json:"orphans"`  // files that no version refers to; harmless, left by an interrupted change
}

// Verify reads every version and compares the digests of its files. With trusted keys every version must be signed by
// one; what is encrypted is decrypted where there is an identity for it.
func (s *Store) Verify(a Access) (Report, error) {
	r := Report{Problems: []string{}, Orphans: []string{}}
	models, err := s.List()
	if err != nil {
		return r, err
	}
	used := map[string]bool{}
	for _, m := range models {
		for _, v := range m.Versions {
			r.Versions++
			for _, f := range v.files() {
				used[f.Digest] = true
			}
			if err := s.verify(m.Name, v, a); err != nil {
				r.Problems = append(r.Problems, fmt.Sprintf("%s version %d: %v", m.Name, v.Number, err))
			}
		}
		for l, at := range m.Labels {
			if !hasVersion(m, at) {
				r.Problems = append(r.Problems, fmt.Sprintf("%s: label %s points to version %d, which does not exist", m.Name, l, at))
			}
		}
	}
	for _, dir := range []string{s.blobDir(), s.tmpDir()} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return r, fmt.Errorf("registry: %w", err)
		}
		for _, e := range entries {
			if !used[e.Name()] {
				r.Orphans = append(r.Orphans, e.Name())
			}
		}
	}
	return r, nil
}

// verify proves one version as far as it can be without identities.
func (s *Store) verify(name string, v Version, a Access) error {
	if len(a.Identities) > 0 {
		_, _, err := s.Read(name, v, a)
		return err
	}
	for _, f := range v.files() {
		if _, err := s.Blob(f.Digest); err != nil {
			return err
		}
	}
	if len(a.Trust) > 0 { // of what is encrypted, the digest that was written down is the one that is signed
		return a.Trust.Verify(v.Signature, name, v.Number, v.digests())
	}
	return nil
}

func hasVersion(m Model, n int64) bool {
	for _, v := range m.Versions {
		if v.Number == n {
			return true
		}
	}
	return false
}

// Check proves that the database itself is sound: bbolt's own walk over all pages.
func (s *Store) Check() error {
	return s.view(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			return fmt.Errorf("registry: %w: %w", err, ErrCorrupt)
		}
		return nil
	})
}
