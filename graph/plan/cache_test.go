package plan_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/cpu"
)

// cached is a model that says it comes from a file, and a cache directory.
type cached struct {
	make      func() *graph.Model
	file, dir string
	reads     int
}

func newCached(t *testing.T, model func() *graph.Model) *cached {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("plans are cached on Linux alone")
	}
	c := &cached{make: model, file: filepath.Join(t.TempDir(), "model"), dir: filepath.Join(t.TempDir(), "cache")}
	c.rewrite(t, "bytes of a model")
	return c
}

// rewrite gives the file contents, and time to be believed.
func (c *cached) rewrite(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(c.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
}

func (c *cached) open(t *testing.T, o plan.Options) *plan.Plan {
	t.Helper()
	o.Cache = c.dir
	p, err := plan.Open(plan.Source{Path: c.file, Read: func() (*graph.Model, error) {
		c.reads++
		m := c.make()
		m.Files = []string{c.file}
		return m, nil
	}}, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// want fails unless the plan is, or is not, from the cache, and answers as one that was compiled.
func (c *cached) want(t *testing.T, p *plan.Plan, hit bool) {
	t.Helper()
	if got, err := p.Cached(); got != hit || err != nil {
		t.Errorf("cached %v (%v), expected %v", got, err, hit)
	}
	if got, want := answer(t, p), answer(t, compile(t, c.make(), plan.Options{Precision: p.Precision()})); !slices.Equal(got, want) {
		t.Error("other bits than compiled")
	}
}

// answer is the bytes of all outputs for some inputs.
func answer(t *testing.T, p *plan.Plan) (all []byte) {
	t.Helper()
	in, out := p.NewInputs(3), p.NewOutputs()
	fill(in, 3)
	if err := p.Run(in, out); err != nil {
		t.Fatal(err)
	}
	for _, o := range out {
		all = append(all, o.Bytes...)
	}
	return all
}

// branching packs one matrix at compile time and another in a body, and has constants of several kinds.
func branching() *graph.Model {
	m := mlp()
	w := tensor.New(tensor.Float32, 100, 1)
	for i := range tensor.Data[float32](w) {
		tensor.Data[float32](w)[i] = float32(i) / 64
	}
	branch := func(op string) graph.Attr {
		return graph.Attr{Kind: graph.AttrGraph, Graph: &graph.Graph{
			Outputs:      []graph.Value{{Name: "z"}},
			Initializers: map[string]*tensor.Tensor{"w": w},
			Nodes:        []*graph.Node{node("MatMul", "input w", "p"), node(op, "p y", "z")},
		}}
	}
	m.Graph.Nodes[len(m.Graph.Nodes)-1].Outputs[0] = "y"
	m.Graph.Initializers["half"] = tensor.Of([]float32{0.5}, 1)
	m.Graph.Nodes = append(m.Graph.Nodes, node("ReduceMax", "y", "top", "keepdims", graph.Int(0)), node("Greater", "top half", "b"),
		node("If", "b", "output", "then_branch", branch("Add"), "else_branch", branch("Mul")))
	return m
}

func TestCacheSameBits(t *testing.T) {
	for name, model := range map[string]func() *graph.Model{"mlp": mlp, "cnn": cnn, "branching": branching} {
		t.Run(name, func(t *testing.T) {
			c := newCached(t, model)
			cold := c.open(t, plan.Options{})
			c.want(t, cold, false)
			warm := c.open(t, plan.Options{})
			c.want(t, warm, true)
			if c.reads != 1 {
				t.Errorf("the model was read %d times, expected once", c.reads)
			}
			if cold.PackedBytes() != warm.PackedBytes() || cold.WeightBytes() != warm.WeightBytes() {
				t.Errorf("%d bytes packed of %d, and %d of %d from the cache", cold.PackedBytes(), cold.WeightBytes(), warm.PackedBytes(), warm.WeightBytes())
			}
			if a, b := cold.Signature(), warm.Signature(); a.RowIndependent != b.RowIndependent || len(a.Inputs) != len(b.Inputs) || a.Inputs[0].Name != b.Inputs[0].Name {
				t.Errorf("signatures %v and %v", a, b)
			}
			c.want(t, c.open(t, plan.Options{Precision: "bf16"}), false)
			c.want(t, c.open(t, plan.Options{Precision: "bf16"}), true)
			c.want(t, c.open(t, plan.Options{}), true)
		})
	}
}

// TestCacheOfModelInMemory: a model known by its digest.
func TestCacheOfModelInMemory(t *testing.T) {
	c := newCached(t, cnn)
	open := func(digest string) *plan.Plan {
		p, err := plan.Open(plan.Source{Digest: []byte(digest), Read: func() (*graph.Model, error) { return cnn(), nil }}, plan.Options{Cache: c.dir})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	c.want(t, open("one"), false)
	c.want(t, open("two"), false)
	c.want(t, open("one"), true)
}

func TestCacheNoticesChanges(t *testing.T) {
	c := newCached(t, cnn)
	c.want(t, c.open(t, plan.Options{}), false)
	info, err := os.Stat(c.file)
	if err != nil {
		t.Fatal(err)
	}
	c.rewrite(t, "bytes of a MODEL") // of the same length, and made to look as old
	if err := os.Chtimes(c.file, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	c.make = mlp
	c.want(t, c.open(t, plan.Options{}), false)
	c.rewrite(t, "bytes of a model") // known by its digest
	c.make = cnn
	c.want(t, c.open(t, plan.Options{}), true)
	reads := c.reads
	c.want(t, c.open(t, plan.Options{}), true)
	if c.reads != reads {
		t.Error("read although nothing has changed")
	}
	if err := os.WriteFile(c.file, []byte("just now"), 0o600); err != nil {
		t.Fatal(err)
	}
	if hit, err := c.open(t, plan.Options{}).Cached(); hit || err == nil {
		t.Errorf("cached %v (%v): what was written just now may be written still", hit, err)
	}
}

// planFile is the path of the one plan in the cache.
func (c *cached) planFile(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(c.dir, "*.plan"))
	if err != nil || len(files) != 1 {
		t.Fatalf("plans %v (%v), expected one", files, err)
	}
	return files[0]
}

// TestCacheRefuses: a plan that is not what it should be is made anew.
func TestCacheRefuses(t *testing.T) {
	flip := func(at int) func(string, []byte) error {
		return func(path string, data []byte) error {
			data = slices.Clone(data)
			data[at] ^= 0x10
			return replace(path, data)
		}
	}
	damage := map[string]func(path string, data []byte) error{
		"truncated":     func(path string, data []byte) error { return replace(path, data[:len(data)-1]) },
		"header alone":  func(path string, data []byte) error { return replace(path, data[:128]) },
		"half a header": func(path string, data []byte) error { return replace(path, data[:20]) },
		"empty":         func(path string, _ []byte) error { return replace(path, nil) },
		"longer":        func(path string, data []byte) error { return replace(path, append(slices.Clone(data), 0)) },
		"zeros":         func(path string, data []byte) error { return replace(path, make([]byte, len(data))) },
		"link": func(path string, data []byte) error {
			return errors.Join(os.Rename(path, path+".elsewhere"), os.Symlink(filepath.Base(path)+".elsewhere", path))
		},
		"pipe":           func(path string, _ []byte) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)) },
		"group may":      func(path string, _ []byte) error { return os.Chmod(path, 0o620) },
		"everybody may":  func(path string, _ []byte) error { return os.Chmod(path, 0o602) },
		"gone":           func(path string, _ []byte) error { return os.Remove(path) },
		"description":    flip(300),
		"another's name": func(path string, data []byte) error { return nil }, // below
	}
	for at := range 128 {
		damage["header "+string(rune('0'+at/100))+string(rune('0'+at/10%10))+string(rune('0'+at%10))] = flip(at)
	}
	if os.Geteuid() == 0 {
		damage["owner"] = func(path string, _ []byte) error { return os.Chown(path, 12345, -1) }
	}
	c := newCached(t, cnn)
	c.want(t, c.open(t, plan.Options{}), false)
	path := c.planFile(t)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := newCached(t, mlp)
	other.rewrite(t, "another model")
	other.want(t, other.open(t, plan.Options{}), false)
	foreign, err := os.ReadFile(other.planFile(t))
	if err != nil {
		t.Fatal(err)
	}
	damage["another's name"] = func(path string, _ []byte) error { return replace(path, foreign) }
	for name, hurt := range damage {
		t.Run(name, func(t *testing.T) {
			if err := hurt(path, good); err != nil {
				t.Fatal(err)
			}
			c.want(t, c.open(t, plan.Options{}), false)
			c.want(t, c.open(t, plan.Options{}), true)
		})
	}
}

// replace puts another file at path.
func replace(path string, data []byte) error {
	return errors.Join(os.Remove(path), os.WriteFile(path, data, 0o400))
}

// TestCacheDirectoryIsPrivate: a directory that others may write to, or have, is an error.
func TestCacheDirectoryIsPrivate(t *testing.T) {
	c := newCached(t, mlp)
	c.want(t, c.open(t, plan.Options{}), false)
	info, err := os.Stat(c.dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %v (%v)", info.Mode(), err)
	}
	refused := func(why string) {
		t.Helper()
		_, err := plan.Open(plan.Source{Path: c.file, Read: func() (*graph.Model, error) { return mlp(), nil }}, plan.Options{Cache: c.dir})
		if !errors.Is(err, plan.ErrCache) {
			t.Errorf("%s: error %v, expected %v", why, err, plan.ErrCache)
		}
	}
	if err := os.Chmod(c.dir, 0o770); err != nil {
		t.Fatal(err)
	}
	refused("the group may write")
	if err := os.Chmod(c.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(c.dir, 12345, -1); err != nil {
			t.Fatal(err)
		}
		refused("of another user")
	}
	c.dir = c.file
	refused("a file")
}

// TestCacheOfOtherPrograms: neither another build nor another tier takes the plan; the same program does.
func TestCacheOfOtherPrograms(t *testing.T) {
	const model, dir = "HOTPATH_TEST_MODEL", "HOTPATH_TEST_CACHE"
	if os.Getenv(dir) != "" { // what this test starts
		c := &cached{make: cnn, file: os.Getenv(model), dir: os.Getenv(dir)}
		hit, err := c.open(t, plan.Options{}).Cached()
		fmt.Println("cached:", hit, err)
		return
	}
	c := newCached(t, cnn)
	c.want(t, c.open(t, plan.Options{}), false)
	start := func(program, isa string) string {
		cmd := exec.Command(program, "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), model+"="+c.file, dir+"="+c.dir, "HOTPATH_ISA="+isa)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		line, _, _ := strings.Cut(string(out), "\n")
		return line
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	text[bytes.Index(text, []byte("\x04\x00\x00\x00Go\x00\x00"))+10] ^= 1 // in the build ID
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, text, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct{ name, program, isa, want string }{
		{"this program", self, cpu.Current().String(), "cached: true <nil>"},
		{"another build", other, cpu.Current().String(), "cached: false <nil>"},
		{"another tier", self, "ref", "cached: false <nil>"},
	} {
		if got := start(s.program, s.isa); got != s.want && (s.name != "another tier" || cpu.Current() > cpu.Ref) {
			t.Errorf("%s: %q, expected %q", s.name, got, s.want)
		}
	}
}

// TestCacheAtOnce: several starts make the same plan at the same time.
func TestCacheAtOnce(t *testing.T) {
	c := newCached(t, cnn)
	want := answer(t, compile(t, cnn(), plan.Options{}))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 4 {
				p, err := plan.Open(plan.Source{Path: c.file, Read: func() (*graph.Model, error) {
					m := cnn()
					m.Files = []string{c.file}
					return m, nil
				}}, plan.Options{Cache: c.dir})
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := p.Cached(); err != nil {
					t.Error(err)
				}
				if !slices.Equal(answer(t, p), want) {
					t.Error("other bits than compiled")
				}
			}
		})
	}
	all.Wait()
	c.want(t, c.open(t, plan.Options{}), true)
	if left, _ := filepath.Glob(filepath.Join(c.dir, "*.tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestCacheGivesMemoryBack: the file is unmapped when the last who has the plan is gone.
func TestCacheGivesMemoryBack(t *testing.T) {
	c := newCached(t, cnn)
	c.want(t, c.open(t, plan.Options{}), false)
	name := filepath.Base(c.planFile(t))
	mapped := func() bool {
		text, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), name)
	}
	p := c.open(t, plan.Options{})
	if !mapped() {
		t.Error("the plan is not mapped")
	}
	runtime.GC()
	c.want(t, p, true)
	p = nil
	for end := time.Now().Add(10 * time.Second); mapped(); {
		if time.Now().After(end) {
			t.Fatal("the plan is still mapped")
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
}

// TestOpenLearnsSizesLate: where no size tried for unknown dimensions is one that the model takes, its first run makes the kernels, and the
// constants are still there.
func TestOpenLearnsSizesLate(t *testing.T) {
	c := newCached(t, func() *graph.Model {
		r := rand.New(rand.NewPCG(1, 2))
		return &graph.Model{Opsets: map[string]int64{"": 20}, Graph: graph.Graph{
			Inputs:       []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 128}}, {Name: "u", DType: tensor.Float32, Shape: []int{-1, -1}}},
			Outputs:      []graph.Value{{Name: "y"}, {Name: "v"}},
			Initializers: map[string]*tensor.Tensor{"w": random(r, 128, 128), "five": random(r, 5, 4)},
			Nodes:        []*graph.Node{node("MatMul", "x w", "y"), node("MatMul", "u five", "v")},
		}}
	})
	answer := func(p *plan.Plan) []byte {
		in, out := []*tensor.Tensor{tensor.New(tensor.Float32, 3, 128), tensor.New(tensor.Float32, 3, 5)}, p.NewOutputs()
		fill(in, 3)
		if err := p.Run(in, out); err != nil {
			t.Fatal(err)
		}
		return append(out[0].Bytes, out[1].Bytes...)
	}
	want := answer(compile(t, c.make(), plan.Options{}))
	for _, hit := range []bool{false, true} {
		p := c.open(t, plan.Options{})
		if got, err := p.Cached(); got != hit || err != nil {
			t.Errorf("cached %v (%v), expected %v", got, err, hit)
		}
		if !slices.Equal(answer(p), want) {
			t.Errorf("cached %v: other bits than compiled", hit)
		}
	}
}
