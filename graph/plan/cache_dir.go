package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"crypto/rand"

	"github.com/hotpath/hotpath/graph"
)

const (
	planSuffix = ".plan"
	tempSuffix = ".tmp"
	// maxCacheBytes bounds a cache directory: some hundred models of the size of ResNet-50's light relatives, or sixteen like it.
	maxCacheBytes = 4 << 30
	// staleTemp is the age from which a file that is being written is taken to be one whose writer has died.
	staleTemp = time.Hour
	// touchEvery is how exact it is known when a plan was last used.
	touchEvery = time.Minute
)

// open opens a regular file of this user that nobody else may write, not through a link.
func (c *cache) open(name string) (*os.File, fs.FileInfo, error) {
	linked, err := c.root.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if !linked.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s: not a regular file: %w", name, graph.ErrFormat)
	}
	f, err := c.root.Open(name)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !os.SameFile(info, linked) {
		err = fmt.Errorf("%s: not the file that it was: %w", name, graph.ErrFormat)
	}
	if err == nil {
		err = private(info)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// write puts a file of that size at name, whole or not at all, for good once its name is there, and makes room for it. Others may read
// and write the directory at the same time.
func (c *cache) write(name string, size int64, fill func(*os.File) error) (err error) {
	if size > maxCacheBytes {
		return fmt.Errorf("a plan of %d bytes, a cache holds %d", size, int64(maxCacheBytes))
	}
	c.makeRoom(maxCacheBytes - size)
	temp := rand.Text() + tempSuffix
	f, err := c.root.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = c.root.Remove(temp)
		}
	}()
	err = fill(f)
	if err == nil {
		err = f.Chmod(0o400)
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = c.root.Rename(temp, name)
	}
	if err != nil {
		return err
	}
	dir, err := c.root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// makeRoom removes the files used longest ago, until the others have at most limit bytes, and what writers left that died. A plan that is in
// use stays in memory when its file goes.
func (c *cache) makeRoom(limit int64) {
	entries, err := fs.ReadDir(c.root.FS(), ".")
	if err != nil {
		return
	}
	var files []fs.FileInfo
	total := int64(0)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if strings.HasSuffix(info.Name(), tempSuffix) && time.Since(info.ModTime()) > staleTemp {
			_ = c.root.Remove(info.Name())
			continue
		}
		files, total = append(files, info), total+info.Size()
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range files {
		if total <= limit {
			return
		}
		if err := c.root.Remove(info.Name()); err == nil || errors.Is(err, fs.ErrNotExist) {
			total -= info.Size()
		}
	}
}

// touch notes that a plan is used, which makeRoom goes by.
func (c *cache) touch(name string) {
	now := time.Now()
	if info, err := c.root.Stat(name); err == nil && now.Sub(info.ModTime()) > touchEvery {
		_ = c.root.Chtimes(name, now, now)
	}
}
