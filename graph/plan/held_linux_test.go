package plan_test

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/testkit"
)

// resident is the memory of this process, after what is garbage has gone back to the system.
func resident(t *testing.T) int64 {
	t.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// TestMemoryIsWhatTheSystemSays compares weights as they are packed, of which Winograd's are four times what the file has, and arenas
// with the resident memory of the process.
func TestMemoryIsWhatTheSystemSays(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector has memory of its own")
	}
	const channels, side, rows = 256, 14, 16
	before := resident(t)
	p := convolution(t, channels, side)
	loaded := resident(t)
	if packed, file := p.PackedBytes(), p.WeightBytes(); packed < 2*file {
		t.Errorf("%d bytes packed of %d: not the algorithm that this test is about", packed, file)
	}
	near(t, "weights", p.PackedBytes(), loaded-before)
	if n := p.HeldBytes(); n != 0 {
		t.Errorf("%d bytes held before the first run", n)
	}
	in, out := p.NewInputs(rows), p.NewOutputs()
	for i := range in[0].Bytes {
		in[0].Bytes[i] = 0x3f // what was never written is not resident
	}
	if err := p.Run(in, out); err != nil {
		t.Fatal(err)
	}
	tensors := int64(cap(in[0].Bytes) + cap(out[0].Bytes))
	if p.HeldBytes() < rows*channels*side*side*4 {
		t.Errorf("%d bytes held after a run", p.HeldBytes())
	}
	near(t, "arena and tensors", p.HeldBytes()+tensors, resident(t)-loaded)
	runtime.KeepAlive(p)
	runtime.KeepAlive(in)
	runtime.KeepAlive(out)
}

// near allows a tenth, and what the runtime needs to account for it.
func near(t *testing.T, what string, told, is int64) {
	t.Helper()
	if d := told - is; max(d, -d) > is/10+4<<20 {
		t.Errorf("%s: told %d bytes, resident are %d", what, told, is)
	}
}

// convolution is four 3×3 convolutions in a row.
func convolution(t *testing.T, channels, side int) *plan.Plan {
	t.Helper()
	weights := func() *tensor.Tensor {
		w := tensor.New(tensor.Float32, channels, channels, 3, 3)
		for i, v := range tensor.Data[float32](w) {
			tensor.Data[float32](w)[i] = v + float32(i%7)/100
		}
		return w
	}
	conv := func(in, w, out string) *graph.Node {
		return &graph.Node{Op: "Conv", Inputs: []string{in, w}, Outputs: []string{out}, Attrs: map[string]graph.Attr{
			"pads": {Kind: graph.AttrInts, Ints: []int64{1, 1, 1, 1}}}}
	}
	value := graph.Value{Name: "x0", DType: tensor.Float32, Shape: []int{-1, channels, side, side}}
	g := graph.Graph{Inputs: []graph.Value{value}, Outputs: []graph.Value{{Name: "x4", DType: tensor.Float32, Shape: value.Shape}},
		Initializers: map[string]*tensor.Tensor{}}
	for i := range 4 {
		w := fmt.Sprint("w", i)
		g.Initializers[w] = weights()
		g.Nodes = append(g.Nodes, conv(fmt.Sprint("x", i), w, fmt.Sprint("x", i+1)))
	}
	m := &graph.Model{Opsets: map[string]int64{"": 17}, Graph: g}
	p, err := plan.Compile(m, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
