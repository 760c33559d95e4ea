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
	Limits
	Hash [sha256.Size]byte `json:"-"`
}

// storedKey is the form of a Key in the database.
type storedKey struct {
	Key
	Hash string `json:"sha256"`
}

// keyBytes is the entropy of a key. A random key of 256 bits needs no slow hash: there is nothing to guess.
const keyBytes = 32

// HashKey is the hash a key is stored and compared by.
func HashKey(key []byte) [sha256.Size]byte { return sha256.Sum256(key) }

// CreateKey makes a key without limits and returns it, the only time it is ever readable.
func (s *Store) CreateKey(name string, scope Scope) (secret string, k Key, err error) {
	return s.AddKey(Key{Name: name, Scope: scope})
}

// AddKey makes a key with the name, scope and limits of k and returns it, the only time it is ever readable. Errors wrap
// ErrName where those are not valid.
func (s *Store) AddKey(k Key) (secret string, _ Key, err error) {
	if k.Scope != Predict && k.Scope != Admin {
		return "", k, fmt.Errorf("scope %q: expected predict or admin: %w", k.Scope, ErrName)
	}
	if k.Name != "" {
		if err := CheckName(k.Name); err != nil {
			return "", k, fmt.Errorf("key %w", err)
		}
	}
	if err := k.Limits.check(); err != nil {
		return "", k, fmt.Errorf("key: %w", err)
	}
	var raw [keyBytes]byte
	_, _ = rand.Read(raw[:]) // never fails (crypto/rand since Go 1.24)
	var id [4]byte
	_, _ = rand.Read(id[:])
	secret = "hp_" + base64.RawURLEncoding.EncodeToString(raw[:])
	k.ID, k.Created, k.Hash = hex.EncodeToString(id[:]), time.Now().UTC().Truncate(time.Second), HashKey([]byte(secret))
	err = s.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketKeys)
		if b.Get([]byte(k.ID)) != nil {
			return fmt.Errorf("key id %s: %w", k.ID, ErrInUse)
		}
		return putJSON(b, []byte(k.ID), storedKey{Key: k, Hash: hex.EncodeToString(k.Hash[:])})
	}, nil)
	return secret, k, err
}

// Keys lists all keys.
func (s *Store) Keys() ([]Key, error) {
	var keys []Key
	err := s.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketKeys).ForEach(func(id, data []byte) error {
			var k storedKey
			if err := json.Unmarshal(data, &k); err != nil {
				return fmt.Errorf("key %s: %w: %w", id, err, ErrCorrupt)
			}
			hash, err := hex.DecodeString(k.Hash)
			if err != nil || len(hash) != sha256.Size {
				return fmt.Errorf("key %s: invalid hash: %w", id, ErrCorrupt)
			}
			copy(k.Key.Hash[:], hash)
			keys = append(keys, k.Key)
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
