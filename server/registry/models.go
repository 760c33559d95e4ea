package registry

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// File is bytes of a version as they are stored.
type File struct {
	Digest string `json:"sha256"`
	Size   int64  `json:"size_bytes"`
	// Plain is the digest of what is encrypted, "" where nothing is.
	Plain string `json:"plain_sha256,omitempty"`
}

// Version is one immutable version of a model.
type Version struct {
	Number int64 `json:"version"`
	File
	Created    time.Time         `json:"created"`
	Provenance map[string]string `json:"provenance,omitempty"` // data digest, parameters, metrics; free keys
	Warmup     []File            `json:"warmup,omitempty"`     // recorded inputs, an archive of arrays each
	Signature  json.RawMessage   `json:"signature,omitempty"`  // a bundle over name, number and files; see Signer.Sign
}

// Model is a model with all its versions, oldest first.
type Model struct {
	Name     string           `json:"name"`
	Versions []Version        `json:"versions"`
	Labels   map[string]int64 `json:"labels"`
	Aliases  []string         `json:"aliases,omitempty"`
	Next     int64            `json:"next"` // number of the version that will be published next
	Settings
}

// Digest is that of a version's model file as it is stored, "" if there is no such version.
func (m *Model) Digest(version int64) string {
	for i := range m.Versions {
		if m.Versions[i].Number == version {
			return m.Versions[i].Digest
		}
	}
	return ""
}

// label is the value of a label: where it points, and where it pointed before, newest last.
type label struct {
	Version int64   `json:"version"`
	Before  []int64 `json:"before,omitempty"`
}

// maxHistory is how many moves of a label can be rolled back.
const maxHistory = 100

// List returns all models by name.
func (s *Store) List() ([]Model, error) {
	var models []Model
	err := s.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketModels).ForEachBucket(func(name []byte) error {
			m, err := readModel(tx, string(name))
			models = append(models, m)
			return err
		})
	})
	return models, err
}

// Show returns one model. Errors wrap ErrNotFound.
func (s *Store) Show(name string) (Model, error) {
	m := Model{}
	err := s.view(func(tx *bbolt.Tx) (err error) {
		m, err = readModel(tx, name)
		return err
	})
	if err == nil && m.Name == "" {
		err = fmt.Errorf("model %q: %w", name, ErrNotFound)
	}
	return m, err
}

// Label points a label of a model to an existing version.
func (s *Store) Label(name, to string, version int64) error {
	if err := CheckName(to); err != nil {
		return fmt.Errorf("label %w", err)
	}
	return s.update(func(tx *bbolt.Tx) error {
		model, err := modelBucket(tx, name)
		if err != nil {
			return err
		}
		if model.Bucket(subVersions).Get(versionKey(version)) == nil {
			return fmt.Errorf("model %q version %d: %w", name, version, ErrNotFound)
		}
		return moveLabel(model, to, version)
	}, nil)
}

// Rollback points a label back to where it was before its last move, and returns that version.
func (s *Store) Rollback(name, which string) (version int64, err error) {
	err = s.update(func(tx *bbolt.Tx) error {
		model, err := modelBucket(tx, name)
		if err != nil {
			return err
		}
		l, err := readLabel(model, which)
		if err != nil {
			return fmt.Errorf("model %q: %w", name, err)
		}
		if len(l.Before) == 0 {
			return fmt.Errorf("model %q: label %q has no earlier version: %w", name, which, ErrNotFound)
		}
		last := len(l.Before) - 1
		l.Version, l.Before = l.Before[last], l.Before[:last]
		version = l.Version
		return putJSON(model.Bucket(subLabels), []byte(which), l)
	}, nil)
	return version, err
}

// Delete removes a version that no label points to, or with version 0 the whole model, and the bytes that nothing
// refers to any more.
func (s *Store) Delete(name string, version int64) error {
	var unused []string
	return s.update(func(tx *bbolt.Tx) error {
		m, err := readModel(tx, name)
		if err != nil {
			return err
		}
		for to, at := range m.Labels {
			if at == version {
				return fmt.Errorf("model %q version %d: label %q points to it, move that first: %w", name, version, to, ErrInUse)
			}
		}
		gone := slices.DeleteFunc(slices.Clone(m.Versions), func(v Version) bool { return version != 0 && v.Number != version })
		if len(gone) == 0 && version != 0 {
			return fmt.Errorf("model %q version %d: %w", name, version, ErrNotFound)
		}
		if version == 0 {
			if len(m.Aliases) > 0 {
				return fmt.Errorf("model %q: alias %q is another name of it, move that first: %w", name, m.Aliases[0], ErrInUse)
			}
			if err := tx.Bucket(bucketModels).DeleteBucket([]byte(name)); err != nil {
				return fmt.Errorf("registry: %w", err)
			}
		} else {
			model, err := modelBucket(tx, name)
			if err != nil {
				return err
			}
			if err := model.Bucket(subVersions).Delete(versionKey(version)); err != nil {
				return fmt.Errorf("registry: %w", err)
			}
			if err := forgetHistory(model, version); err != nil {
				return err
			}
		}
		used, err := referenced(tx)
		for _, v := range gone {
			for _, f := range v.files() {
				if !used[f.Digest] {
					unused = append(unused, f.Digest)
				}
			}
		}
		return err
	}, func() error {
		for _, d := range unused {
			if err := os.Remove(s.blobPath(d)); err != nil && !os.IsNotExist(err) {
				return fmt.Errorf("registry: %w", err)
			}
		}
		return nil
	})
}

// forgetHistory takes a deleted version out of what labels can be rolled back to.
func forgetHistory(model *bbolt.Bucket, version int64) error {
	labels := model.Bucket(subLabels)
	if labels == nil {
		return nil
	}
	changed := map[string]label{}
	err := labels.ForEach(func(k, _ []byte) error {
		l, err := readLabel(model, string(k))
		if slices.Contains(l.Before, version) {
			l.Before = slices.DeleteFunc(l.Before, func(v int64) bool { return v == version })
			changed[string(k)] = l
		}
		return err
	})
	for k, l := range changed {
		if err == nil {
			err = putJSON(labels, []byte(k), l)
		}
	}
	return err
}

func moveLabel(model *bbolt.Bucket, to string, version int64) error {
	labels, err := model.CreateBucketIfNotExists(subLabels)
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	l := label{}
	if labels.Get([]byte(to)) != nil {
		if l, err = readLabel(model, to); err != nil {
			return err
		}
		if l.Version == version {
			return nil
		}
		l.Before = append(l.Before, l.Version)
		l.Before = l.Before[max(0, len(l.Before)-maxHistory):]
	}
	l.Version = version
	return putJSON(labels, []byte(to), l)
}

func readLabel(model *bbolt.Bucket, name string) (l label, err error) {
	labels := model.Bucket(subLabels)
	if labels == nil || labels.Get([]byte(name)) == nil {
		return l, fmt.Errorf("label %q: %w", name, ErrNotFound)
	}
	if err := json.Unmarshal(labels.Get([]byte(name)), &l); err != nil {
		return l, fmt.Errorf("label %q: %w: %w", name, err, ErrCorrupt)
	}
	return l, nil
}

func modelBucket(tx *bbolt.Tx, name string) (*bbolt.Bucket, error) {
	if b := tx.Bucket(bucketModels).Bucket([]byte(name)); b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("model %q: %w", name, ErrNotFound)
}

func readModel(tx *bbolt.Tx, name string) (Model, error) {
	m := Model{Name: name, Labels: map[string]int64{}}
	b, err := modelBucket(tx, name)
	if err != nil {
		return Model{}, err
	}
	if data := b.Get(keySettings); data != nil {
		if err := json.Unmarshal(data, &m.Settings); err != nil {
			return m, fmt.Errorf("model %q: settings: %w: %w", name, err, ErrCorrupt)
		}
	}
	m.Aliases = aliasesOf(tx, name)
	versions := b.Bucket(subVersions)
	if versions == nil {
		return m, fmt.Errorf("model %q: no versions: %w", name, ErrCorrupt)
	}
	m.Next = int64(versions.Sequence()) + 1
	err = versions.ForEach(func(k, data []byte) error {
		var v Version
		if err := json.Unmarshal(data, &v); err != nil || !v.valid() || string(versionKey(v.Number)) != string(k) {
			return fmt.Errorf("model %q version %x: %w", name, k, ErrCorrupt)
		}
		m.Versions = append(m.Versions, v)
		return nil
	})
	if labels := b.Bucket(subLabels); labels != nil && err == nil {
		err = labels.ForEach(func(k, _ []byte) error {
			l, err := readLabel(b, string(k))
			m.Labels[string(k)] = l.Version
			return err
		})
	}
	return m, err
}

// referenced is the set of digests that any version has.
func referenced(tx *bbolt.Tx) (map[string]bool, error) {
	used := map[string]bool{}
	err := tx.Bucket(bucketModels).ForEachBucket(func(name []byte) error {
		m, err := readModel(tx, string(name))
		for _, v := range m.Versions {
			for _, f := range v.files() {
				used[f.Digest] = true
			}
		}
		return err
	})
	return used, err
}

// files is the model and its warm-up inputs.
func (v *Version) files() []File { return append([]File{v.File}, v.Warmup...) }

func versionKey(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func putJSON(b *bbolt.Bucket, key []byte, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	if err := b.Put(key, data); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	return nil
}

// valid reports whether the digests of v are digests, which makes them safe as names of files.
func (v *Version) valid() bool {
	for _, f := range v.files() {
		if !validDigest(f.Digest) || f.Plain != "" && !validDigest(f.Plain) {
			return false
		}
	}
	return true
}
