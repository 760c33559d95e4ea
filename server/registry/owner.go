package registry

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// owner is the user and group of the store where root works in one that is another user's, such as that of a service, who has to
// read what is made here. ok says whether it is so.
func (s *Store) owner() (uid, gid int, ok bool) {
	if os.Geteuid() != 0 {
		return 0, 0, false
	}
	info, err := os.Stat(s.dir)
	if err != nil {
		return 0, 0, false
	}
	own, ok := info.Sys().(*syscall.Stat_t)
	if !ok || own.Uid == 0 {
		return 0, 0, false
	}
	return int(own.Uid), int(own.Gid), true
}

// mkdir makes directories of the store, the upper ones first, where they are not there.
func (s *Store) mkdir(dirs ...string) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	uid, gid, ok := s.owner()
	for _, dir := range dirs {
		err := os.Mkdir(dir, 0o700)
		if err == nil && ok {
			err = os.Lchown(dir, uid, gid)
		}
		if err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("registry: %w", err)
		}
	}
	return nil
}

// give makes the owner that of a file that was made just now.
func (s *Store) give(f *os.File) error {
	if uid, gid, ok := s.owner(); ok {
		return f.Chown(uid, gid)
	}
	return nil
}

// openFile opens the database; the owner of the store could lead root elsewhere by a link.
func (s *Store) openFile(path string, flag int, mode os.FileMode) (*os.File, error) {
	if _, _, ok := s.owner(); !ok {
		return os.OpenFile(path, flag, mode)
	}
	f, err := os.OpenFile(path, flag|syscall.O_NOFOLLOW, mode)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() == 0 { // it is new
		err = s.give(f)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
