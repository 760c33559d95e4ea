package registry

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"go.etcd.io/bbolt"
)

// createStaged makes a file in the directory of what is being written and locks it (flock(2)) for as long as it is open:
// the lock tells a publisher that is at work from one that has died.
func (s *Store) createStaged() (*os.File, error) {
	for {
		f, err := os.CreateTemp(s.tmpDir(), "blob-*")
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err == nil {
			if _, err = os.Lstat(f.Name()); err == nil {
				return f, nil
			}
		}
		_ = f.Close()
		if !errors.Is(err, os.ErrNotExist) { // else a Prune came between, and has removed it
			return nil, err
		}
	}
}

// Prune removes the files that nothing refers to: blobs of no version, and what was staged by publishers that have died.
// It returns their names. What a publisher at work has staged stays, and so do the bytes of every version.
func (s *Store) Prune() (removed []string, err error) {
	if _, err := os.Stat(s.dir); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var used map[string]bool
	err = s.update(func(tx *bbolt.Tx) (err error) {
		used, err = referenced(tx)
		return err
	}, func() error { // while no other process can refer to a blob
		blobs, err := sweep(s.blobDir(), func(path string) (bool, error) {
			if used[filepath.Base(path)] {
				return false, nil
			}
			return true, os.Remove(path)
		})
		if err != nil {
			return err
		}
		staged, err := sweep(s.tmpDir(), removeAbandoned)
		removed = append(blobs, staged...)
		return err
	})
	return removed, err
}

// sweep offers the files in a directory to remove, and returns the names of those that it removed.
func sweep(dir string, remove func(path string) (bool, error)) (removed []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("registry: %w", err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		gone, err := remove(filepath.Join(dir, e.Name()))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return removed, fmt.Errorf("registry: %w", err)
		}
		if gone {
			removed = append(removed, e.Name())
		}
	}
	return removed, nil
}

// removeAbandoned removes a staged file that no publisher has open. It is removed under the lock: one who has just made
// it, and waits for that, finds it gone.
func removeAbandoned(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false, nil
	}
	return true, os.Remove(path)
}
