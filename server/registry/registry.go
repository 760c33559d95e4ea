// Package registry keeps models in a local directory: names, immutable integer versions, labels, digests and
// provenance in a bbolt file, the bytes as content-addressed blobs beside it. It also keeps the API keys.
//
//	DIR/registry.db          metadata, one transaction per change
//	DIR/blobs/sha256/<hex>   the bytes of a model, read-only, named by their SHA-256
//	DIR/tmp/                 blobs being written; whatever is left there belongs to a publisher that died
//
// Several processes may use one directory: the database is opened, and so locked, for one short transaction at a time.
package registry

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// Errors of the registry.
var (
	ErrNotFound = errors.New("not found")
	ErrName     = errors.New("invalid name")
	ErrCorrupt  = errors.New("corrupt registry")
	ErrInUse    = errors.New("in use")
	ErrLocked   = errors.New("registry is locked by another process")
	ErrLimit    = errors.New("too large")
	ErrWeight   = errors.New("invalid weight")
	ErrSchema   = errors.New("registry was written by a newer hotpath")
)

// schema is the version of the layout. A registry with a higher one is refused rather than guessed at.
const schema = 1

// lockTimeout bounds the wait for another process to finish its transaction, which takes milliseconds.
const lockTimeout = 5 * time.Second

var (
	bucketMeta    = []byte("meta")
	bucketModels  = []byte("models")
	bucketKeys    = []byte("keys")
	bucketAliases = []byte("aliases")
	subVersions   = []byte("versions")
	subLabels     = []byte("labels")
	keySchema     = []byte("schema")
	keySettings   = []byte("settings")
)

// Store is a registry directory. It holds nothing open between calls and is safe for concurrent use.
type Store struct {
	dir string
	// fault, if set by a test, is called between the steps of a change: an error is that of the step, and a panic the end
	// of the process.
	fault func(step string) error
}

// New returns the registry in dir, which need not exist: it is made by the first change.
func New(dir string) *Store { return &Store{dir: dir} }

// Dir is the directory of the store.
func (s *Store) Dir() string { return s.dir }

func (s *Store) dbPath() string           { return filepath.Join(s.dir, "registry.db") }
func (s *Store) blobDir() string          { return filepath.Join(s.dir, "blobs", "sha256") }
func (s *Store) blobPath(d string) string { return filepath.Join(s.blobDir(), d) }
func (s *Store) tmpDir() string           { return filepath.Join(s.dir, "tmp") }
func (s *Store) step(name string) error {
	if s.fault != nil {
		return s.fault(name)
	}
	return nil
}

// view runs a read transaction. A registry that does not exist is an empty one: f is not called.
func (s *Store) view(f func(*bbolt.Tx) error) error {
	if _, err := os.Stat(s.dbPath()); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return s.open(true, func(db *bbolt.DB) error {
		return db.View(func(tx *bbolt.Tx) error {
			if first, _ := tx.Cursor().First(); first == nil { // its first change was refused or broken off: it is empty too
				return nil
			}
			if err := checkSchema(tx); err != nil {
				return err
			}
			return f(tx)
		})
	})
}

// update runs a write transaction, durable when it returns nil. after, if not nil, runs when it has been committed and
// before another process can start its own.
func (s *Store) update(f func(*bbolt.Tx) error, after func() error) error {
	if err := s.mkdir(); err != nil {
		return err
	}
	_, err := os.Stat(s.dbPath())
	fresh := errors.Is(err, os.ErrNotExist)
	return s.open(false, func(db *bbolt.DB) error {
		if fresh { // bbolt syncs the file it makes, not the name of it
			for _, dir := range []string{s.dir, filepath.Dir(s.dir)} {
				if err := syncDir(dir); err != nil {
					return fmt.Errorf("registry: sync %s: %w", dir, err)
				}
			}
		}
		err := db.Update(func(tx *bbolt.Tx) error {
			for _, name := range [][]byte{bucketMeta, bucketModels, bucketKeys, bucketAliases} {
				if _, err := tx.CreateBucketIfNotExists(name); err != nil {
					return fmt.Errorf("registry: %w", err)
				}
			}
			if err := checkSchema(tx); err != nil {
				return err
			}
			if err := tx.Bucket(bucketMeta).Put(keySchema, binary.BigEndian.AppendUint64(nil, schema)); err != nil {
				return fmt.Errorf("registry: %w", err)
			}
			if err := f(tx); err != nil {
				return err
			}
			return s.step("before commit")
		})
		if err == nil && after != nil {
			err = after()
		}
		return err
	})
}

// open opens the database, and with it takes the lock of the directory, for the time of f. A damaged file makes bbolt
// panic, or fault where pages are missing from the mapping; both become ErrCorrupt.
func (s *Store) open(readOnly bool, f func(*bbolt.DB) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("registry %s: %v: %w", s.dir, p, ErrCorrupt)
		}
	}()
	db, err := bbolt.Open(s.dbPath(), 0o600, &bbolt.Options{Timeout: lockTimeout, ReadOnly: readOnly, OpenFile: s.openFile})
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return fmt.Errorf("%s: %w", s.dir, ErrLocked)
	case errors.As(err, new(*os.PathError)):
		return fmt.Errorf("registry: %w", err)
	case err != nil:
		return fmt.Errorf("registry %s: %w: %w", s.dir, err, ErrCorrupt)
	}
	defer func() {
		if cerr := db.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("registry %s: close: %w", s.dir, cerr)
		}
	}()
	return f(db)
}

func checkSchema(tx *bbolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return fmt.Errorf("no metadata: %w", ErrCorrupt)
	}
	v := meta.Get(keySchema)
	switch {
	case v == nil:
		return nil
	case len(v) != 8:
		return fmt.Errorf("schema field has %d bytes: %w", len(v), ErrCorrupt)
	case binary.BigEndian.Uint64(v) > schema:
		return fmt.Errorf("schema %d, expected at most %d: %w", binary.BigEndian.Uint64(v), schema, ErrSchema)
	}
	return nil
}

// validName says what a model or label may be called: safe in a path, a URL, a header, a log line and a metric.
func validName(s string) bool {
	const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	return len(s) >= 1 && len(s) <= 128 && strings.Trim(s[:1], alphanumeric) == "" && strings.Trim(s, alphanumeric+"._-") == ""
}

// CheckName reports whether name may be that of a model or label. Errors wrap ErrName.
func CheckName(name string) error {
	if !validName(name) {
		return fmt.Errorf("%q: expected up to 128 letters, digits, dots, dashes and underscores, starting with a letter or digit: %w", name, ErrName)
	}
	return nil
}
