package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opGroupQuery is com.microsoft GroupQueryAttention: causal attention of grouped heads behind a cache that grows by the new rows, with
// rotary embedding of queries and keys. seqlens_k is the number of keys of each batch element less one; behind a past its new rows end
// there, in a prompt they start at 0. Rows of the cache beyond are 0. The cache is not shared with the past, nor quantised.
var opGroupQuery = &Op{
	Name: "group_query_attention", Domain: graph.DomainMicrosoft, Type: "GroupQueryAttention", Since: 1, MinInputs: 7, Infer: inferGroupQuery,
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		k, err := readGroupQuery(n, in)
		if err == nil {
			k.pool = pool
		}
		return k, err
	},
	// The batch is the first axis of everything but the total and the tables.
	Rows: func(_ *graph.Node, in []graph.Arg, rows []bool) bool {
		for i := range in {
			table := i == gqaTotal || i == gqaCos || i == gqaSin || i == gqaBias && !rows[i] && len(in[i].Shape) == 4 && in[i].Shape[0] == 1
			if present(in, i) && rows[i] == table {
				return false
			}
		}
		return true
	},
}

// Inputs of GroupQueryAttention.
const (
	gqaQ = iota
	gqaK
	gqaV
	gqaPastK
	gqaPastV
	gqaLengths
	gqaTotal
	gqaCos
	gqaSin
	gqaPositions
	gqaBias
	gqaInputs
)

// groupQueryKernel holds the attributes.
type groupQueryKernel struct {
	pool                *kernels.Pool
	name                string
	heads, kvHeads      int
	left, right         int
	scale, softcap      float32
	rotary, interleaved bool
	packed              bool // queries, keys and values lie in one row
	given               [gqaInputs]bool
	outputs             int
}

func readGroupQuery(n *graph.Node, in []graph.Arg) (*groupQueryKernel, error) {
	k := &groupQueryKernel{name: n.String(), packed: !present(in, gqaK), outputs: len(n.Outputs)}
	for i := range k.given {
		k.given[i] = present(in, i)
	}
	for i := gqaInputs; i < len(in); i++ {
		if present(in, i) {
			return nil, unsupported(n, "input %d", i)
		}
	}
	ints := map[string]int64{"num_heads": 0, "kv_num_heads": 0, "do_rotary": 0, "rotary_interleaved": 0, "local_window_size": -1, "smooth_softmax": 0,
		"qk_output": 0, "causal": 1, "sliding_window_cache": 0}
	if err := readCounts(n, ints); err != nil {
		return nil, err
	}
	if ints["smooth_softmax"] > 0 || ints["qk_output"] > 0 || ints["sliding_window_cache"] > 0 {
		return nil, unsupported(n, "smooth_softmax, qk_output and sliding_window_cache")
	}
	for _, name := range []string{"k_quant_type", "v_quant_type"} {
		if v, err := n.StringAttr(name, "NONE"); err != nil || v != "NONE" {
			return nil, unsupported(n, "%s %q", name, v)
		}
	}
	k.heads, k.kvHeads, k.rotary, k.interleaved = int(ints["num_heads"]), int(ints["kv_num_heads"]), ints["do_rotary"] != 0, ints["rotary_interleaved"] != 0
	k.left, k.right = max(-1, int(ints["local_window_size"])-1), -1 // the window counts the query's own position
	if ints["causal"] != 0 {
		k.right = 0
	}
	if k.heads < 1 || k.kvHeads < 1 || k.heads%k.kvHeads != 0 {
		return nil, modelErr(n, "%d heads over %d", k.heads, k.kvHeads)
	}
	var err error
	if k.scale, err = n.FloatAttr("scale", 0); err != nil {
		return nil, err
	}
	k.softcap, err = n.FloatAttr("softcap", 0)
	return k, err
}

// shapes derives the geometry and the length of the past. ok is false where the operands do not fit.
func (k *groupQueryKernel) shapes(q, key, value, past, bias []int) (a kernels.Attention, pastRows int, ok bool) {
	if len(q) != 3 {
		return a, 0, false
	}
	width := k.heads
	if k.packed {
		width += 2 * k.kvHeads
	}
	if q[2]%width != 0 {
		return a, 0, false
	}
	dim := q[2] / width
	if want := []int{q[0], q[1], k.kvHeads * dim}; !k.packed && (!slices.Equal(key, want) || !slices.Equal(value, want)) {
		return a, 0, false
	}
	if past != nil {
		if len(past) != 4 {
			return a, 0, false
		}
		pastRows = past[2]
	}
	a = kernels.Attention{Batch: q[0], Heads: k.heads, KVHeads: k.kvHeads, Rows: q[1], Keys: pastRows + q[1], Dim: dim, ValueDim: dim,
		Scale: k.scale, Softcap: k.softcap, Left: k.left, Right: k.right, FromEnd: pastRows > 0}
	if k.scale == 0 {
		a.Scale = float32(1 / math.Sqrt(float64(dim)))
	}
	a.Q = kernels.HeadStrides{Batch: q[1] * q[2], Head: dim, Row: q[2]}
	if k.rotary {
		a.Q = headStrides(k.heads, q[1], dim, true)
	}
	a.Out = headStrides(k.heads, q[1], dim, true)
	a.K = headStrides(k.kvHeads, a.Keys, dim, false)
	a.V = a.K
	if bias != nil {
		return a, pastRows, setMask(&a, bias, false)
	}
	return a, pastRows, true
}

func inferGroupQuery(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	k, err := readGroupQuery(n, in)
	if err != nil {
		return nil, err
	}
	for i := range in {
		if !present(in, i) {
			continue
		}
		dtype := tensor.Float32
		switch i {
		case gqaLengths, gqaTotal:
			dtype = tensor.Int32
		case gqaPositions:
			dtype = tensor.Int64
		}
		if err := wantDType(n, in, i, dtype); err != nil {
			return nil, err
		}
	}
	if k.given[gqaK] != k.given[gqaV] || k.given[gqaPastK] != k.given[gqaPastV] || !k.given[gqaLengths] || !k.given[gqaTotal] || k.outputs > 3 {
		return nil, modelErr(n, "inputs or outputs are missing, or output 3 is asked for")
	}
	past := shapeOf(in, gqaPastK)
	a, pastRows, ok := k.shapes(in[gqaQ].Shape, shapeOf(in, gqaK), shapeOf(in, gqaV), past, shapeOf(in, gqaBias))
	cache := []int{a.Batch, a.KVHeads, a.Keys, a.Dim}
	old := []int{a.Batch, a.KVHeads, pastRows, a.Dim}
	if !ok || past != nil && (!slices.Equal(past, old) || !slices.Equal(in[gqaPastV].Shape, old)) {
		return nil, modelErr(n, "query %v, key %v, value %v, past %v and bias %v do not fit %d heads over %d", in[gqaQ].Shape, shapeOf(in, gqaK), shapeOf(in, gqaV),
			past, shapeOf(in, gqaBias), k.heads, k.kvHeads)
	}
	if size, _ := tensor.Elements(in[gqaTotal].Shape); size != 1 {
		return nil, modelErr(n, "total_sequence_length has shape %v, expected one number", in[gqaTotal].Shape)
	}
	if size, _ := tensor.Elements(in[gqaLengths].Shape); size != a.Batch {
		return nil, modelErr(n, "seqlens_k has shape %v, expected [%d]", in[gqaLengths].Shape, a.Batch)
	}
	if k.rotary {
		if !k.given[gqaCos] || !k.given[gqaSin] {
			return nil, modelErr(n, "do_rotary without tables")
		}
		table := in[gqaCos].Shape
		if len(table) != 2 || !slices.Equal(table, in[gqaSin].Shape) || 2*table[1] > a.Dim {
			return nil, modelErr(n, "tables of shapes %v and %v for heads of %d", table, in[gqaSin].Shape, a.Dim)
		}
		if k.given[gqaPositions] && !slices.Equal(in[gqaPositions].Shape, []int{a.Batch, a.Rows}) {
			return nil, modelErr(n, "position_ids of shape %v, expected [%d %d]", in[gqaPositions].Shape, a.Batch, a.Rows)
		}
	}
	out := []graph.Arg{{DType: tensor.Float32, Shape: []int{a.Batch, a.Rows, a.Heads * a.Dim}}, {DType: tensor.Float32, Shape: cache}, {DType: tensor.Float32, Shape: cache}}
	return out[:max(1, k.outputs)], nil
}

// working returns the elements of scratch: cached keys and values that are not outputs, turned queries, tables of a position, and the
// lengths, two elements each.
func (k *groupQueryKernel) working(a *kernels.Attention, half int) (cache, queries, tables, lengths int) {
	cache = a.Batch * a.KVHeads * a.Keys * a.Dim
	if k.rotary {
		queries, tables = a.Batch*a.Heads*a.Rows*a.Dim, rotaryScratch(k.interleaved, half)/4
	}
	return cache, queries, tables, 2 * a.Batch
}

// ScratchBytes implements graph.ScratchKernel.
func (k *groupQueryKernel) ScratchBytes(args []graph.Arg) int {
	a, _, _ := k.shapes(args[gqaQ].Shape, shapeOf(args, gqaK), shapeOf(args, gqaV), shapeOf(args, gqaPastK), shapeOf(args, gqaBias))
	half := 0
	if k.rotary {
		half = args[gqaCos].Shape[1]
	}
	cache, queries, tables, lengths := k.working(&a, half)
	return 4 * (max(0, 3-max(1, k.outputs))*cache + queries + tables + lengths + a.Scratch(k.pool.Threads()))
}

// Run implements graph.Kernel.
func (k *groupQueryKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	shape := func(i int) []int {
		if k.given[i] {
			return in[i].Shape
		}
		return nil
	}
	data := func(i int) []float32 {
		if k.given[i] {
			return tensor.Data[float32](in[i])
		}
		return nil
	}
	a, past, _ := k.shapes(in[gqaQ].Shape, shape(gqaK), shape(gqaV), shape(gqaPastK), shape(gqaBias))
	if total := int(tensor.Data[int32](in[gqaTotal])[0]); total != a.Keys {
		return inputErr(k.name, "total_sequence_length %d, expected %d of the past and %d new (a buffer shared with the past is not supported)", total, past, a.Rows)
	}
	var half int
	if k.rotary {
		half = in[gqaCos].Shape[1]
	}
	size, queries, tables, lengths := k.working(&a, half)
	memory := scratch
	cut := func(n int) []byte {
		part := memory[:4*n]
		memory = memory[4*n:]
		return part
	}
	numbers := tensor.Tensor{DType: tensor.Int64, Bytes: cut(lengths)} // first, where it is aligned
	a.Lengths = tensor.Data[int64](&numbers)
	var caches [2][]float32
	for i := range caches {
		if i+1 < k.outputs {
			caches[i] = tensor.Data[float32](out[i+1])
		} else {
			caches[i] = floats(cut(size))
		}
	}
	q, keys, values := data(gqaQ), data(gqaK), data(gqaV)
	row, keyRow := in[gqaQ].Shape[2], a.KVHeads*a.Dim
	if k.packed {
		keyRow = row
		if len(q) > 0 {
			keys, values = q[a.Heads*a.Dim:], q[(a.Heads+a.KVHeads)*a.Dim:]
		}
	}
	turned := q
	r := rotor{cos: data(gqaCos), sin: data(gqaSin), half: half, interleaved: k.interleaved}
	if k.rotary {
		turned, r.scratch = floats(cut(queries)), floats(cut(tables))
	}
	for b := range a.Batch {
		length := int(tensor.Data[int32](in[gqaLengths])[b]) + 1
		before := 0
		if past > 0 {
			before = length - a.Rows
		}
		if length < 1 || length > a.Keys || before < 0 {
			return inputErr(k.name, "seqlens_k %d, expected %d to %d", length-1, max(0, a.Rows*min(past, 1)-1), a.Keys-1)
		}
		a.Lengths[b] = int64(length)
		for h := range a.KVHeads {
			head := b*a.KVHeads + h
			for i, old := range [2][]float32{data(gqaPastK), data(gqaPastV)} {
				to := caches[i][head*a.Keys*a.Dim:][:a.Keys*a.Dim]
				copy(to, old[head*past*a.Dim:][:before*a.Dim])
				clear(to[(before+a.Rows)*a.Dim:])
			}
		}
		for s := range a.Rows {
			if k.rotary {
				at := before + s
				if k.given[gqaPositions] {
					at = int(tensor.Data[int64](in[gqaPositions])[b*a.Rows+s])
				}
				if at < 0 || at >= in[gqaCos].Shape[0] {
					return inputErr(k.name, "position %d, expected 0 to %d", at, in[gqaCos].Shape[0]-1)
				}
				r.turn(at)
				for h := range a.Heads {
					from := (b*a.Rows + s) * row
					r.apply(turned[((b*a.Rows+s)*a.Heads+h)*a.Dim:][:a.Dim], q[from+h*a.Dim:][:a.Dim])
				}
			}
			for h := range a.KVHeads {
				from, to := (b*a.Rows+s)*keyRow+h*a.Dim, ((b*a.KVHeads+h)*a.Keys+before+s)*a.Dim
				if x := keys[from:][:a.Dim]; k.rotary {
					r.apply(caches[0][to:][:a.Dim], x)
				} else {
					copy(caches[0][to:], x)
				}
				copy(caches[1][to:][:a.Dim], values[from:])
			}
		}
	}
	a.Mask = data(gqaBias)
	kernels.AttentionF32(k.pool, tensor.Data[float32](out[0]), turned, caches[0], caches[1], &a, floats(memory))
	return nil
}
