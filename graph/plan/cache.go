package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/cpu"
)

// Source is a model that Open may know already.
type Source struct {
	// Path is the file or directory that Read reads; Model.Files are all that it does read. Empty for a model in memory.
	Path string
	// Options is what else decides what Read gives, such as what it refuses.
	Options string
	// Digest is the SHA-256 of a model in memory. Empty for one that is not known by it: then it is not kept.
	Digest []byte
	// Read makes the model, which nothing else has.
	Read func() (*graph.Model, error)
}

// Open compiles the model of src, whose memory it takes over, or takes the plan from the directory of o.Cache: what an earlier start has
// made of the same bytes, with the same program, instruction set and precision. That is mapped into memory, not read. Answers have the same
// bits either way. Errors are those of Read and of Compile, and wrap ErrCache where the directory cannot be trusted.
//
// A file counts as the one seen before where device, inode, size and both times of change are the same, as for make and git; otherwise it
// is read and compared by its SHA-256. What lies in the directory is trusted as far as the program's own file is, whose pages nobody
// checks when it starts either: the directory and the file belong to this user alone, the file is complete, was never changed after it was
// given its name, and the digest of everything but the weights is right. Anything else is made anew.
func Open(src Source, o Options) (*Plan, error) {
	o = o.defaults()
	if o.Cache == "" || o.Backend.Name() != (ops.CPU{}).Name() {
		return compileOwned(src, o, nil)
	}
	c, err := openCache(o.Cache, o.Precision)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if src.Path == "" {
		if src.Digest == nil {
			return compileOwned(src, o, nil)
		}
		key := c.key([][]byte{src.Digest})
		if p := c.load(key, o); p != nil {
			return p, nil
		}
		return compileOwned(src, o, func(l *lowered, s *shelf) error { return c.store(key, l, s) })
	}
	if key, ok := c.recall(src); ok {
		if p := c.load(key, o); p != nil {
			return p, nil
		}
	}
	start := time.Now()
	m, err := src.Read()
	if err != nil {
		return nil, err
	}
	seen, err := look(m.Files, start)
	if err != nil {
		p, compileErr := compileOwned(Source{Read: func() (*graph.Model, error) { return m, nil }}, o, nil)
		if compileErr == nil {
			p.cacheErr = err
		}
		return p, compileErr
	}
	key := c.key(seen.digests)
	if p := c.load(key, o); p != nil {
		c.remember(src, seen, key)
		return p, nil
	}
	return compileOwned(Source{Read: func() (*graph.Model, error) { return m, nil }}, o, func(l *lowered, s *shelf) error {
		if err := c.store(key, l, s); err != nil {
			return err
		}
		c.remember(src, seen, key)
		return nil
	})
}

// ErrCache marks a cache directory that does not belong to this user alone.
var ErrCache = errors.New("plan cache")

// Cached reports whether the plan came from the cache. The error says why it was made and is not in the cache now; nil where none was
// asked for.
func (p *Plan) Cached() (bool, error) { return p.cached, p.cacheErr }

// compileOwned compiles a model that nobody else has, and keeps what keep keeps.
func compileOwned(src Source, o Options, keep func(*lowered, *shelf) error) (p *Plan, err error) {
	defer boundary(&err)
	m, err := src.Read()
	if err != nil {
		return nil, err
	}
	m.Owned = true
	var before []*tensor.Tensor
	m.Graph.EachTensor(func(t *tensor.Tensor) { before = append(before, t) })
	l, err := lower(m, o)
	if err != nil {
		return nil, err
	}
	s := newShelf(&l.graph, nil, own(&l.graph, before))
	if p, err = l.build(o, s); err == nil && keep != nil {
		p.cacheErr = keep(l, s)
	}
	return p, err
}

// cache is a directory with plans, KEY.plan, and what is known of paths, DIGEST.path.
type cache struct {
	root *os.Root
	base []byte // what all keys have in common
}

// layoutVersion is that of the file; the program's own digest tells versions of everything else apart.
const layoutVersion = 1

func openCache(dir, precision string) (*cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCache, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCache, err)
	}
	c := &cache{root: root}
	info, err := root.Stat(".")
	if err == nil {
		err = private(info)
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("%w: %s: %w", ErrCache, dir, err)
	}
	build, err := programDigest()
	if err != nil {
		c.close()
		return nil, fmt.Errorf("%w: %w", ErrCache, err)
	}
	c.base = fmt.Appendf(nil, "%d %s %s %q %q ", layoutVersion, runtime.GOARCH, cpu.Current(), precision, build)
	return c, nil
}

func (c *cache) close() { c.root.Close() }

// key is the name of the plan of files with these digests.
func (c *cache) key(digests [][]byte) string {
	h := sha256.New()
	h.Write(c.base)
	for _, d := range digests {
		h.Write(d)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sighting is what files were when they were read.
type sighting struct {
	Files   []identity `json:"files"`
	Key     string     `json:"key"`
	digests [][]byte
}

// identity is what tells whether a file is still the one that it was.
type identity struct {
	Path     string `json:"path"`
	Size     int64  `json:"size"`
	Device   uint64 `json:"device"`
	Inode    uint64 `json:"inode"`
	Modified int64  `json:"modified"` // contents, ns since 1970
	Changed  int64  `json:"changed"`  // contents or anything else
}

// settled is how long a file must not have changed before it is read to be believed afterwards: times of change are as coarse as the
// kernel's clock ticks.
const settled = 50 * time.Millisecond

// look takes the digests of files that were read after start.
func look(files []string, start time.Time) (*sighting, error) {
	if len(files) == 0 {
		return nil, errors.New("the model does not say what it was read from")
	}
	var s sighting
	for _, path := range files {
		id, digest, err := lookAt(path)
		if err != nil {
			return nil, err
		}
		if latest := max(id.Modified, id.Changed); latest > start.Add(-settled).UnixNano() {
			return nil, fmt.Errorf("%s: written just now", path)
		}
		s.Files, s.digests = append(s.Files, id), append(s.digests, digest)
	}
	return &s, nil
}

func lookAt(path string) (id identity, digest []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return id, nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return id, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return id, nil, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return id, nil, err
	}
	id, err = identify(path, info)
	return id, h.Sum(nil), err
}

// sightingName is the name of what is known of a path.
func (c *cache) sightingName(src Source) (string, error) {
	abs, err := filepath.Abs(src.Path)
	if err != nil {
		return "", err
	}
	return c.key([][]byte{fmt.Appendf(nil, "%q %q", abs, src.Options)}) + ".path", nil
}

// remember keeps what was seen for the next start; a failure costs that start the digest.
func (c *cache) remember(src Source, s *sighting, key string) {
	name, err := c.sightingName(src)
	if err != nil {
		return
	}
	s.Key = key
	text, err := json.Marshal(s)
	if err != nil {
		return
	}
	_ = c.write(name, int64(len(text)), func(f *os.File) error {
		_, err := f.Write(text)
		return err
	})
}

// maxSighting bounds what is read of a path: a thousand data files have long names.
const maxSighting = 4 << 20

// recall returns the key of the plan for a path, if none of its files has changed.
func (c *cache) recall(src Source) (key string, ok bool) {
	name, err := c.sightingName(src)
	if err != nil {
		return "", false
	}
	f, info, err := c.open(name)
	if err != nil {
		return "", false
	}
	defer f.Close()
	if info.Size() > maxSighting {
		return "", false
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSighting))
	if err != nil {
		return "", false
	}
	var s sighting
	if json.Unmarshal(text, &s) != nil || len(s.Files) == 0 || !validKey(s.Key) {
		return "", false
	}
	changed := func(was identity) bool {
		info, err := os.Stat(was.Path)
		if err != nil {
			return true
		}
		is, err := identify(was.Path, info)
		return err != nil || is != was
	}
	return s.Key, !slices.ContainsFunc(s.Files, changed)
}

func validKey(key string) bool {
	b, err := hex.DecodeString(key)
	return err == nil && len(b) == sha256.Size
}
