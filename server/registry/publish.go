package registry

import (
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// Publication is a version to be published.
type Publication struct {
	Name       string
	Label      string            // to move to the new version; "" for none
	Model      *Staged           // the bytes, proven to load
	Warmup     []*Staged         // recorded inputs
	Provenance map[string]string // data digest, parameters, metrics; free keys
	Signer     *Signer           // nil: the version is not signed
}

// Publish adds the next version of a model, and moves a label to it. When it returns nil the version is durable; until
// then no other process sees any of it.
func (s *Store) Publish(p Publication) (Version, error) {
	if err := CheckName(p.Name); err != nil {
		return Version{}, fmt.Errorf("model %w", err)
	}
	if p.Label != "" {
		if err := CheckName(p.Label); err != nil {
			return Version{}, fmt.Errorf("label %w", err)
		}
	}
	v := Version{File: p.Model.file(), Created: time.Now().UTC().Truncate(time.Second), Provenance: p.Provenance}
	blobs := []*Staged{p.Model}
	for _, w := range p.Warmup {
		v.Warmup = append(v.Warmup, w.file())
		blobs = append(blobs, w)
	}
	err := s.update(func(tx *bbolt.Tx) error {
		if alias := tx.Bucket(bucketAliases).Get([]byte(p.Name)); alias != nil {
			return fmt.Errorf("model %q: the name is an alias of %q: %w", p.Name, alias, ErrInUse)
		}
		for _, b := range blobs {
			if err := s.commitBlob(b); err != nil {
				return err
			}
		}
		model, err := tx.Bucket(bucketModels).CreateBucketIfNotExists([]byte(p.Name))
		if err != nil {
			return fmt.Errorf("registry: %w", err)
		}
		versions, err := model.CreateBucketIfNotExists(subVersions)
		if err != nil {
			return fmt.Errorf("registry: %w", err)
		}
		next, err := versions.NextSequence() // never reused, so that a deleted number stays gone
		if err != nil {
			return fmt.Errorf("registry: %w", err)
		}
		v.Number = int64(next)
		if p.Signer != nil { // here, since the signature holds for one number
			if v.Signature, err = p.Signer.sign(p.Name, v); err != nil {
				return err
			}
		}
		if err := putJSON(versions, versionKey(v.Number), v); err != nil {
			return err
		}
		if p.Label == "" {
			return nil
		}
		return moveLabel(model, p.Label, v.Number)
	}, nil)
	if err != nil {
		return Version{}, err
	}
	return v, s.step("committed")
}

func (b *Staged) file() File { return File{Digest: b.Digest, Size: b.Size, Plain: b.plainDigest} }
