package registry

import (
	"encoding/json"
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
	Signer     *Signer           // signs the version; nil: nobody does here
	Signature  json.RawMessage   // a bundle that was made elsewhere, which says the number; nil for none
}

// Verify proves that the signature is one by a key of t, or by anyone where t is empty, of the name and of the staged
// files. Whether its number is the next one only Publish can tell. Errors wrap ErrSignature.
func (p *Publication) Verify(t Trust) error {
	number, err := signedNumber(p.Signature, p.Name)
	if err != nil {
		return err
	}
	v := p.version()
	return verifyBundle(p.Signature, p.Name, number, v.digests(), func(message, sig []byte) bool {
		return len(t) == 0 || t.signed(message, sig)
	})
}

// version is what is known of the version before it has a number.
func (p *Publication) version() Version {
	v := Version{File: p.Model.stored(), Created: time.Now().UTC().Truncate(time.Second), Provenance: p.Provenance, Signature: p.Signature}
	for _, w := range p.Warmup {
		v.Warmup = append(v.Warmup, w.stored())
	}
	return v
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
	signedFor := int64(0)
	if p.Signature != nil {
		if err := p.Verify(nil); err != nil {
			return Version{}, err
		}
		signedFor, _ = signedNumber(p.Signature, p.Name)
	}
	v := p.version()
	err := s.update(func(tx *bbolt.Tx) error {
		if alias := tx.Bucket(bucketAliases).Get([]byte(p.Name)); alias != nil {
			return fmt.Errorf("model %q: the name is an alias of %q: %w", p.Name, alias, ErrInUse)
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
		if signedFor != 0 && signedFor != v.Number {
			return fmt.Errorf("model %q: version %d is signed, the next one is %d: %w", p.Name, signedFor, v.Number, ErrInUse)
		}
		for _, b := range append([]*Staged{p.Model}, p.Warmup...) {
			if err := s.commitBlob(b); err != nil {
				return err
			}
		}
		if p.Signer != nil { // here, since the signature holds for one number
			if v.Signature, err = p.Signer.Sign(p.Name, v.Number, v.digests()); err != nil {
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

func (b *Staged) stored() File { return File{Digest: b.Digest, Size: b.Size, Plain: b.plainDigest} }
