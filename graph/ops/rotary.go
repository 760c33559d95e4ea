package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Rotary embedding of ONNX (opset 23) and of com.microsoft, which has the positions before the tables, lets one position stand for the
// first of each row, and takes the size of a head from the tables where num_heads is 0.
var (
	opRotary        = rotaryOp("", 23, 3, false)
	opRotaryContrib = rotaryOp(graph.DomainMicrosoft, 1, 4, true)
)

func rotaryOp(domain string, since int64, minInputs int, contrib bool) *Op {
	return &Op{
		Name: "rotary_embedding", Domain: domain, Type: "RotaryEmbedding", Since: since, MinInputs: minInputs,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, minInputs, 4); err != nil {
				return nil, err
			}
			k, err := readRotary(n, contrib)
			if err != nil {
				return nil, err
			}
			return []graph.Arg{{DType: tensor.Float32, Shape: in[0].Shape}}, k.check(n, in)
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			k, err := readRotary(n, contrib)
			return k, err
		},
		Rows: func(_ *graph.Node, in []graph.Arg, rows []bool) bool {
			k := rotaryKernel{contrib: contrib}
			p, c, _ := k.inputs()
			if !rows[0] {
				return false
			}
			if len(in[c].Shape) == 3 { // a table of each row
				return rows[c] && rows[c+1]
			}
			return !rows[c] && !rows[c+1] && (len(in[p].Shape) == 1) != rows[p]
		},
	}
}

// rotaryKernel holds the attributes.
type rotaryKernel struct {
	name        string
	contrib     bool
	heads       int // of 3-d inputs; 0: by the tables
	rotated     int // elements of a head; 0: all
	interleaved bool
}

func readRotary(n *graph.Node, contrib bool) (*rotaryKernel, error) {
	k := &rotaryKernel{name: n.String(), contrib: contrib}
	for name, to := range map[string]*int{"num_heads": &k.heads, "rotary_embedding_dim": &k.rotated} {
		v, err := n.IntAttr(name, 0)
		if err != nil {
			return nil, err
		}
		if v < 0 || v > math.MaxInt32 {
			return nil, modelErr(n, "attribute %q is %d", name, v)
		}
		*to = int(v)
	}
	interleaved, err := n.IntAttr("interleaved", 0)
	if err != nil {
		return nil, err
	}
	k.interleaved = interleaved != 0
	if packed, err := n.IntAttr("is_packed_batching", 0); err != nil || packed != 0 {
		return nil, unsupported(n, "is_packed_batching")
	}
	if scale, err := n.FloatAttr("scale", 1); err != nil || scale != 1 {
		return nil, unsupported(n, "scale %v", scale)
	}
	return k, nil
}

// inputs returns the indices of the positions and of the two tables.
func (k *rotaryKernel) inputs() (positions, cos, sin int) {
	if k.contrib {
		return 1, 2, 3
	}
	return 3, 1, 2
}

// headsOf cuts x into heads, by the tables where num_heads is 0.
func (k *rotaryKernel) headsOf(x, table []int) (heads, bool) {
	n := k.heads
	if width := 2 * table[len(table)-1]; n == 0 && len(x) == 3 && k.contrib && width > 0 {
		n = x[2] / width
	}
	return headsOf(x, n, false)
}

func (k *rotaryKernel) check(n *graph.Node, in []graph.Arg) error {
	p, c, s := k.inputs()
	for _, i := range []int{0, c, s} {
		if err := wantDType(n, in, i, tensor.Float32); err != nil {
			return err
		}
	}
	table := in[c].Shape
	if rank := len(table); rank != 2 && rank != 3 || !slices.Equal(table, in[s].Shape) || (rank == 2) != present(in, p) {
		return modelErr(n, "tables of shapes %v and %v, expected two of [positions, n] with position_ids or of [batch, rows, n] without", table, in[s].Shape)
	}
	h, ok := k.headsOf(in[0].Shape, table)
	if !ok {
		return modelErr(n, "input %v with %d heads, expected [batch, heads, rows, dim] or [batch, rows, heads·dim]", in[0].Shape, k.heads)
	}
	rotated := h.dim
	if k.rotated > 0 {
		rotated = k.rotated
	}
	half := table[len(table)-1]
	if rotated > h.dim || 2*half != rotated {
		return modelErr(n, "tables of %d for %d of %d elements of a head", half, rotated, h.dim)
	}
	if len(table) == 3 && (table[0] != h.batch || table[1] != h.rows) {
		return modelErr(n, "tables of shape %v, expected [%d %d %d]", table, h.batch, h.rows, half)
	}
	if !present(in, p) {
		return nil
	}
	if err := wantDType(n, in, p, tensor.Int64); err != nil {
		return err
	}
	if first := k.contrib && slices.Equal(in[p].Shape, []int{1}); !first && !slices.Equal(in[p].Shape, []int{h.batch, h.rows}) {
		return modelErr(n, "position_ids of shape %v, expected [%d %d]", in[p].Shape, h.batch, h.rows)
	}
	return nil
}

// ScratchBytes implements graph.ScratchKernel.
func (k *rotaryKernel) ScratchBytes(args []graph.Arg) int {
	_, c, _ := k.inputs()
	s := args[c].Shape
	return rotaryScratch(k.interleaved, s[len(s)-1])
}

// rotaryScratch is what a rotor of tables of n needs.
func rotaryScratch(interleaved bool, n int) int {
	if interleaved {
		return 4 * 4 * n
	}
	return 0
}

// Run implements graph.Kernel.
func (k *rotaryKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	p, c, s := k.inputs()
	table := in[c].Shape
	h, _ := k.headsOf(in[0].Shape, table)
	r := rotor{cos: tensor.Data[float32](in[c]), sin: tensor.Data[float32](in[s]), half: table[len(table)-1], interleaved: k.interleaved, scratch: floats(scratch)}
	x, dst := tensor.Data[float32](in[0]), tensor.Data[float32](out[0])
	if len(x) == 0 { // a shape may say any number of empty rows
		return nil
	}
	var positions []int64
	if len(table) == 2 {
		positions = tensor.Data[int64](in[p])
	}
	for b := range h.batch {
		for row := range h.rows {
			at := b*h.rows + row
			switch {
			case len(table) == 3:
			case len(positions) == 1:
				at = int(positions[0]) + row
			default:
				at = int(positions[at])
			}
			if at < 0 || len(table) == 2 && at >= table[0] {
				return inputErr(k.name, "position %d, expected 0 to %d", at, table[0]-1)
			}
			r.turn(at)
			for i := range h.heads {
				from := b*h.strides.Batch + i*h.strides.Head + row*h.strides.Row
				r.apply(dst[from:from+h.dim], x[from:from+h.dim])
			}
		}
	}
	return nil
}

// rotor turns heads by the angle of a position.
type rotor struct {
	cos, sin    []float32 // tables of half columns
	half        int
	interleaved bool
	scratch     []float32
	c, s        []float32 // of the position
}

// turn sets the position.
func (r *rotor) turn(position int) {
	r.c, r.s = r.cos[position*r.half:(position+1)*r.half], r.sin[position*r.half:(position+1)*r.half]
	if r.interleaved {
		c, s := r.scratch[:2*r.half], r.scratch[2*r.half:4*r.half]
		kernels.RotaryTables(c, s, r.c, r.s)
		r.c, r.s = c, s
	}
}

// apply turns one head and copies what lies beyond the tables. dst may be x.
func (r *rotor) apply(dst, x []float32) {
	if n := 2 * r.half; r.interleaved {
		kernels.RotaryPairsF32(dst[:n], x[:n], r.c, r.s)
	} else {
		kernels.RotaryF32(dst[:n], x[:n], r.c, r.s)
	}
	copy(dst[2*r.half:], x[2*r.half:])
}
