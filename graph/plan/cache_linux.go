package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"
)

// private returns an error unless a file or directory belongs to this user and nobody else may write to it.
func private(info fs.FileInfo) error {
	sys, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: its owner is not known", info.Name())
	}
	if uid := os.Geteuid(); int(sys.Uid) != uid {
		return fmt.Errorf("%s belongs to user %d, expected %d", info.Name(), sys.Uid, uid)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("%s has mode %v, expected that only its owner may write", info.Name(), mode)
	}
	return nil
}

// identify is the identity of a file.
func identify(path string, info fs.FileInfo) (identity, error) {
	sys, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() {
		return identity{}, fmt.Errorf("%s: not a regular file", path)
	}
	return identity{path, info.Size(), uint64(sys.Dev), sys.Ino, sys.Mtim.Nano(), sys.Ctim.Nano()}, nil
}

// mapFile maps a file, which nothing can write to by way of the memory.
func mapFile(f *os.File, size int) ([]byte, error) {
	return syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_PRIVATE|syscall.MAP_POPULATE)
}

func unmap(memory []byte) { _ = syscall.Munmap(memory) }

// programDigest tells builds of this program apart: by the build ID that Go's linker puts into a note near the start of the file, or by the
// digest of all of it, where it was linked without.
var programDigest = sync.OnceValues(func() (string, error) {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, 32<<10)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.ErrUnexpectedEOF {
		return "", err
	}
	// A note: the length of its name, of its contents, its type, 4, its name, its contents.
	note := []byte("\x04\x00\x00\x00Go\x00\x00")
	if at := bytes.Index(head[:n], note); at >= 8 {
		size := binary.NativeEndian.Uint32(head[at-4:])
		if id := head[at+len(note) : n]; size > 0 && int(size) <= len(id) {
			return string(id[:size]), nil
		}
	}
	h := sha256.New()
	h.Write(head[:n])
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return string(h.Sum(nil)), nil
})
