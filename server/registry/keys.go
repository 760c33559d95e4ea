package registry

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// Scope is what a key may do.
type Scope string

// The scopes: Admin includes Predict.
const (
	Predict Scope = "predict"
	Admin   Scope = "admin"
)

// Key is what is kept of an API key: its hash, never the key.
type Key struct {
	ID      string    `json:"id"`
	Name    string    `json:"name,omitempty"`
	Scope   Scope     `json:"scope"`
	Created time.Time `json:"created"`
	// Models are the names of the models that the key is for; nil for all, also those to come.
	Models  []string  `json:"models,omitempty"`
	Expires time.Time `json:"expires,omitzero"` // when it ends to be valid; zero for never
	Limits
	Hash [sha256.Size]byte `json:"-"`

	// A key that was rotated is also found by the hash before, until a time.
	OldHash  [sha256.Size]byte `json:"-"`
	OldUntil time.Time         `json:"old_until,omitzero"`
}

// storedKey is the form of a Key in the database.
type storedKey struct {
	Key
	Hash    string `json:"sha256"`
	OldHash string `json:"old_sha256,omitempty"`
}

// stored is the form of k in the database.
func (k Key) stored() storedKey {
	st := storedKey{Key: k, Hash: hex.EncodeToString(k.Hash[:])}
	if !k.OldUntil.IsZero() {
		st.OldHash = hex.EncodeToString(k.OldHash[:])
	}
	return st
}

// readKey is the key with an id in its stored form.
func readKey(id, data []byte) (Key, error) {
	var k storedKey
	if err := json.Unmarshal(data, &k); err != nil {
		return Key{}, fmt.Errorf("key %s: %w: %w", id, err, ErrCorrupt)
	}
	for _, h := range []struct {
		text string
		into *[sha256.Size]byte
		may  bool // be absent
	}{{k.Hash, &k.Key.Hash, false}, {k.OldHash, &k.Key.OldHash, k.OldUntil.IsZero()}} {
		if h.text == "" && h.may {
			continue
		}
		hash, err := hex.DecodeString(h.text)
		if err != nil || len(hash) != sha256.Size {
			return Key{}, fmt.Errorf("key %s: invalid hash: %w", id, ErrCorrupt)
		}
		copy(h.into[:], hash)
	}
	return k.Key, nil
}

// keyBytes is the entropy of a key. A random key of 256 bits needs no slow hash: there is nothing to guess.
const keyBytes = 32

// HashKey is the hash a key is stored and compared by.
func HashKey(key []byte) [sha256.Size]byte { return sha256.Sum256(key) }

// CreateKey makes a key without limits and returns it, the only time it is ever readable.
func (s *Store) CreateKey(name string, scope Scope) (secret string, k Key, err error) {
	return s.AddKey(Key{Name: name, Scope: scope})
}

// newSecret makes the secret of a key.
func newSecret() (secret string, hash [sha256.Size]byte) {
	var raw [keyBytes]byte
	_, _ = rand.Read(raw[:]) // never fails (crypto/rand since Go 1.24)
	secret = "hp_" + base64.RawURLEncoding.EncodeToString(raw[:])
	return secret, HashKey([]byte(secret))
}

// AddKey makes a key with the name, scope, models, expiry and limits of k and returns it, the only time it is ever
// readable. Errors wrap ErrName where those are not valid.
func (s *Store) AddKey(k Key) (secret string, _ Key, err error) {
	if k.Scope != Predict && k.Scope != Admin {
		return "", k, fmt.Errorf("scope %q: expected predict or admin: %w", k.Scope, ErrName)
	}
	if k.Name != "" {
		if err := CheckName(k.Name); err != nil {
			return "", k, fmt.Errorf("key %w", err)
		}
	}
	if err := k.Limits.Check(); err != nil {
		return "", k, fmt.Errorf("key: %w", err)
	}
	for _, m := range k.Models {
		if err := CheckName(m); err != nil {
			return "", k, fmt.Errorf("key for model %w", err)
		}
	}
	k.Created = time.Now().UTC().Truncate(time.Second)
	if !k.Expires.IsZero() && !k.Expires.After(k.Created) {
		return "", k, fmt.Errorf("key expires at %v: expected a time to come: %w", k.Expires, ErrName)
	}
	var id [4]byte
	_, _ = rand.Read(id[:])
	k.ID = hex.EncodeToString(id[:])
	secret, k.Hash = newSecret()
	err = s.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketKeys)
		if b.Get([]byte(k.ID)) != nil {
			return fmt.Errorf("key id %s: %w", k.ID, ErrInUse)
		}
		return putJSON(b, []byte(k.ID), k.stored())
	}, nil)
	return secret, k, err
}

// Rotate gives the key with an id a new secret and returns it; the one before stays valid for the grace, one before that
// no longer. Errors wrap ErrNotFound or ErrName.
func (s *Store) Rotate(id string, grace time.Duration) (secret string, k Key, err error) {
	if grace < 0 {
		return "", k, fmt.Errorf("grace of %v: expected a time of 0 or more: %w", grace, ErrName)
	}
	err = s.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketKeys)
		data := b.Get([]byte(id))
		if data == nil {
			return fmt.Errorf("key %q: %w", id, ErrNotFound)
		}
		if k, err = readKey([]byte(id), data); err != nil {
			return err
		}
		k.OldHash, k.OldUntil = k.Hash, time.Now().UTC().Add(grace)
		secret, k.Hash = newSecret()
		return putJSON(b, []byte(id), k.stored())
	}, nil)
	return secret, k, err
}

// Keys lists all keys.
func (s *Store) Keys() ([]Key, error) {
	var keys []Key
	err := s.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketKeys).ForEach(func(id, data []byte) error {
			k, err := readKey(id, data)
			if err != nil {
				return err
			}
			keys = append(keys, k)
			return nil
		})
	})
	return keys, err
}

// Revoke removes the key with an id. Errors wrap ErrNotFound.
func (s *Store) Revoke(id string) error {
	return s.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketKeys)
		if b.Get([]byte(id)) == nil {
			return fmt.Errorf("key %q: %w", id, ErrNotFound)
		}
		if err := b.Delete([]byte(id)); err != nil {
			return fmt.Errorf("registry: %w", err)
		}
		return nil
	}, nil)
}
