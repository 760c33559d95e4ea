package ops

import (
	"math"
	"slices"
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opAttention is ONNX Attention: softmax(scale·Q·Kᵀ, masked)·V by heads, with keys and values appended to a cache. A query that sees no key
// gives 0, as the definition says since onnx 1.23. Input 6 is nonpad_kv_seqlen.
//
// opFusedAttention is what passes.Fuse makes of the products and the Softmax of a model: Q, K, V and an optional mask to be added, which
// broadcasts by all axes. AttrRowsFirst names the operands that lie as [batch, rows, heads, dim].
var (
	opAttention      = &Op{Name: "attention", Type: "Attention", Since: 23, MinInputs: 3, Infer: inferAttention, Build: buildAttention, Rows: rowsAttention}
	opFusedAttention = &Op{Name: "attention", Domain: graph.DomainFused, Type: "Attention", MinInputs: 3, Infer: inferAttention, Build: buildAttention, Rows: rowsAttention}
)

// AttrRowsFirst is the attribute of the fused Attention that holds "q", "k", "v", "y" for operands of [batch, rows, heads, dim] instead of
// [batch, heads, rows, dim].
const AttrRowsFirst = "rows_first"

// Inputs of Attention.
const (
	attnQ = iota
	attnK
	attnV
	attnMask
	attnPastK
	attnPastV
	attnLengths
)

// heads is how an operand is cut into heads.
type heads struct {
	batch, heads, rows, dim int
	strides                 kernels.HeadStrides
}

// headsOf reads [batch, heads, rows, dim], [batch, rows, heads, dim] if rowsFirst, or [batch, rows, n·dim]. ok is false where n does not divide.
func headsOf(shape []int, n int, rowsFirst bool) (h heads, ok bool) {
	switch {
	case len(shape) == 3:
		if n < 1 || shape[2]%n != 0 {
			return h, false
		}
		h = heads{batch: shape[0], heads: n, rows: shape[1], dim: shape[2] / n}
		rowsFirst = true
	case len(shape) != 4:
		return h, false
	case rowsFirst:
		h = heads{batch: shape[0], heads: shape[2], rows: shape[1], dim: shape[3]}
	default:
		h = heads{batch: shape[0], heads: shape[1], rows: shape[2], dim: shape[3]}
	}
	h.strides = headStrides(h.heads, h.rows, h.dim, rowsFirst)
	return h, true
}

func headStrides(heads, rows, dim int, rowsFirst bool) kernels.HeadStrides {
	s := kernels.HeadStrides{Batch: heads * rows * dim, Head: rows * dim, Row: dim}
	if rowsFirst {
		s.Head, s.Row = dim, heads*dim
	}
	return s
}

// attentionKernel holds the attributes.
type attentionKernel struct {
	pool                   *kernels.Pool
	name                   string
	qHeads, kvHeads        int // of 3-d inputs
	scale, softcap         float32
	hasScale               bool
	left, right            int
	fused                  bool
	qRows, kRows, vRows    bool // rows first
	yRows                  bool
	hasMask, hasPast       bool
	hasLengths, boolMask   bool
	padded                 bool // a mask shorter than the keys hides the rest
	presentKeys, presentVs bool // outputs
	hasScores              bool
	scoresMode             int
}

// readCounts replaces the defaults in ints, by attribute, by the values that the node has: −1 to what 31 bits hold.
func readCounts(n *graph.Node, ints map[string]int64) error {
	for name, def := range ints {
		v, err := n.IntAttr(name, def)
		if err != nil {
			return err
		}
		if v < -1 || v > math.MaxInt32 {
			return modelErr(n, "attribute %q is %d", name, v)
		}
		ints[name] = v
	}
	return nil
}

func readAttention(n *graph.Node, in []graph.Arg) (*attentionKernel, error) {
	k := &attentionKernel{name: n.String(), fused: n.Domain == graph.DomainFused}
	ints := map[string]int64{"q_num_heads": 0, "kv_num_heads": 0, "is_causal": 0, "left_window_size": -1, "right_window_size": -1,
		"softmax_precision": int64(tensor.Float32.ONNX()), "qk_matmul_output_mode": 0}
	if err := readCounts(n, ints); err != nil {
		return nil, err
	}
	// The softmax is computed in float32, which every result has room for, whatever the precision asked for.
	if p := tensor.FromONNX(int32(ints["softmax_precision"])); !slices.Contains(floatTypes, p) {
		return nil, modelErr(n, "softmax_precision %d", ints["softmax_precision"])
	}
	if k.scoresMode = int(ints["qk_matmul_output_mode"]); k.scoresMode < 0 || k.scoresMode >= scoreModes {
		return nil, modelErr(n, "qk_matmul_output_mode %d", k.scoresMode)
	}
	k.qHeads, k.kvHeads = int(ints["q_num_heads"]), int(ints["kv_num_heads"])
	k.left, k.right = int(ints["left_window_size"]), int(ints["right_window_size"])
	if ints["is_causal"] != 0 {
		k.right = 0
	}
	var err error
	if k.softcap, err = n.FloatAttr("softcap", 0); err != nil {
		return nil, err
	}
	if k.softcap < 0 {
		k.softcap = 0 // as the definition treats it
	}
	if k.scale, err = n.FloatAttr("scale", 0); err != nil {
		return nil, err
	}
	_, k.hasScale = n.Attrs["scale"]
	rowsFirst, err := n.StringAttr(AttrRowsFirst, "")
	if err != nil {
		return nil, err
	}
	for name, to := range map[string]*bool{"q": &k.qRows, "k": &k.kRows, "v": &k.vRows, "y": &k.yRows} {
		*to = strings.Contains(rowsFirst, name)
	}
	k.hasMask, k.hasPast, k.hasLengths = present(in, attnMask), present(in, attnPastK), present(in, attnLengths)
	k.boolMask = k.hasMask && in[attnMask].DType == tensor.Bool
	k.padded = !k.fused
	k.presentKeys, k.presentVs, k.hasScores = len(n.Outputs) > 1, len(n.Outputs) > 2, len(n.Outputs) > 3
	return k, nil
}

// attentionShapes is what follows from the shapes of the inputs.
type attentionShapes struct {
	kernels.Attention
	q, k, v heads
	past    int
}

// cached reports whether keys and values are copied to one run per head: behind a past, or to outputs.
func (k *attentionKernel) cached() bool { return k.hasPast || k.presentKeys }

// shapes derives the geometry. ok is false where the operands do not fit each other.
func (k *attentionKernel) shapes(q, key, value, past, mask []int) (s attentionShapes, ok bool) {
	var okQ, okK, okV bool
	s.q, okQ = headsOf(q, k.qHeads, k.qRows)
	s.k, okK = headsOf(key, k.kvHeads, k.kRows)
	s.v, okV = headsOf(value, k.kvHeads, k.vRows)
	if k.fused {
		stretch(mask, &s.q, &s.k, &s.v)
	}
	if !okQ || !okK || !okV || len(q) != len(key) || len(q) != len(value) || s.q.batch != s.k.batch || s.q.batch != s.v.batch ||
		s.k.heads != s.v.heads || s.k.rows != s.v.rows || s.q.dim != s.k.dim || s.k.heads == 0 || s.q.heads%s.k.heads != 0 {
		return s, false
	}
	if past != nil {
		s.past = past[2]
	}
	a := &s.Attention
	*a = kernels.Attention{Batch: s.q.batch, Heads: s.q.heads, KVHeads: s.k.heads, Rows: s.q.rows, Keys: s.past + s.k.rows,
		Dim: s.q.dim, ValueDim: s.v.dim, Q: s.q.strides, K: s.k.strides, V: s.v.strides, Softcap: k.softcap, Scale: k.scale,
		Offset: s.past, Left: k.left, Right: k.right, FromEnd: k.hasLengths}
	a.Out = headStrides(a.Heads, a.Rows, a.ValueDim, len(q) == 3 || k.yRows)
	if k.cached() {
		a.K, a.V = headStrides(a.KVHeads, a.Keys, a.Dim, false), headStrides(a.KVHeads, a.Keys, a.ValueDim, false)
	}
	if !k.hasScale {
		a.Scale = float32(1 / math.Sqrt(float64(a.Dim)))
	}
	if mask != nil {
		return s, setMask(a, mask, k.padded)
	}
	return s, true
}

// stretch lets one batch element, and one head of queries or of one of keys and values, stand for all, as in products of matrices.
func stretch(mask []int, q, k, v *heads) {
	batch, all, shared := max(q.batch, k.batch, v.batch), max(q.heads, k.heads, v.heads), max(k.heads, v.heads)
	if len(mask) == 4 {
		batch, all = max(batch, mask[0]), max(all, mask[1])
	}
	for _, h := range []*heads{q, k, v} {
		if h.batch == 1 && batch != 1 {
			h.batch, h.strides.Batch = batch, 0
		}
		want := shared
		if h == q {
			want = all
		}
		if h.heads == 1 && want != 1 {
			h.heads, h.strides.Head = want, 0
		}
	}
}

// setMask places a mask that broadcasts to [batch, heads, rows, keys]; one of fewer keys hides the others if padded.
func setMask(a *kernels.Attention, shape []int, padded bool) bool {
	want := [4]int{a.Batch, a.Heads, a.Rows, a.Keys}
	if len(shape) < 1 || len(shape) > 4 {
		return false
	}
	a.MaskKeys = a.Keys
	step := 1
	for i := 3; i >= 0; i-- {
		at := i - (4 - len(shape))
		if at < 0 {
			break
		}
		d := shape[at]
		switch {
		case i == 3 && padded:
			if d > a.Keys {
				return false
			}
			a.MaskKeys, a.MaskStride[i] = d, 1
		case d == 1 && want[i] != 1:
		case d != want[i]:
			return false
		default:
			a.MaskStride[i] = step
		}
		step *= d
	}
	return true
}

func shapeOf(in []graph.Arg, i int) []int {
	if present(in, i) {
		return in[i].Shape
	}
	return nil
}

func inferAttention(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if err := arity(n, in, 3, 7); err != nil {
		return nil, err
	}
	k, err := readAttention(n, in)
	if err != nil {
		return nil, err
	}
	for i := range in {
		if !present(in, i) {
			continue
		}
		allowed := []tensor.DType{tensor.Float32}
		switch i {
		case attnMask:
			allowed = append(allowed, tensor.Bool)
		case attnLengths:
			allowed[0] = tensor.Int64
		}
		if err := wantDType(n, in, i, allowed...); err != nil {
			return nil, err
		}
	}
	if k.hasPast != present(in, attnPastV) || k.hasLengths && k.cached() {
		return nil, modelErr(n, "past_key, past_value and nonpad_kv_seqlen do not go together like this")
	}
	past := shapeOf(in, attnPastK)
	if past != nil && (len(past) != 4 || len(in[attnPastV].Shape) != 4) {
		return nil, modelErr(n, "past of shapes %v and %v, expected rank 4", past, in[attnPastV].Shape)
	}
	s, ok := k.shapes(in[attnQ].Shape, in[attnK].Shape, in[attnV].Shape, past, shapeOf(in, attnMask))
	if !ok {
		return nil, modelErr(n, "query %v, key %v, value %v, past %v and mask %v do not fit (%d and %d heads)", in[attnQ].Shape, in[attnK].Shape,
			in[attnV].Shape, past, shapeOf(in, attnMask), k.qHeads, k.kvHeads)
	}
	cache := func(dim, keys int) []int { return []int{s.Batch, s.KVHeads, keys, dim} }
	if past != nil && (!slices.Equal(past, cache(s.Dim, s.past)) || !slices.Equal(in[attnPastV].Shape, cache(s.ValueDim, s.past))) {
		return nil, modelErr(n, "past of shapes %v and %v, expected %v and %v", past, in[attnPastV].Shape, cache(s.Dim, s.past), cache(s.ValueDim, s.past))
	}
	if k.hasLengths && !slices.Equal(in[attnLengths].Shape, []int{s.Batch}) {
		return nil, modelErr(n, "nonpad_kv_seqlen has shape %v, expected [%d]", in[attnLengths].Shape, s.Batch)
	}
	y := []int{s.Batch, s.Heads, s.Rows, s.ValueDim}
	switch {
	case len(in[attnQ].Shape) == 3:
		y = []int{s.Batch, s.Rows, s.Heads * s.ValueDim}
	case k.yRows:
		y = []int{s.Batch, s.Rows, s.Heads, s.ValueDim}
	}
	scores := []int{s.Batch, s.Heads, s.Rows, s.Keys}
	if _, ok := tensor.Elements(scores); !ok {
		return nil, modelErr(n, "scores of shape %v", scores)
	}
	var out []graph.Arg
	for _, shape := range [][]int{y, cache(s.Dim, s.Keys), cache(s.ValueDim, s.Keys), scores} {
		out = append(out, graph.Arg{DType: tensor.Float32, Shape: shape})
	}
	return out[:min(max(1, len(n.Outputs)), len(out))], nil
}

func buildAttention(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
	k, err := readAttention(n, in)
	if err != nil {
		return nil, err
	}
	k.pool = pool
	return k, nil
}

// caches returns the elements of scratch for keys and values that no output holds.
func (k *attentionKernel) caches(s *attentionShapes) (keys, values int) {
	if k.cached() && !k.presentKeys {
		keys = s.Batch * s.KVHeads * s.Keys * s.Dim
	}
	if k.cached() && !k.presentVs {
		values = s.Batch * s.KVHeads * s.Keys * s.ValueDim
	}
	return keys, values
}

// ScratchBytes implements graph.ScratchKernel.
func (k *attentionKernel) ScratchBytes(args []graph.Arg) int {
	s, _ := k.shapes(args[attnQ].Shape, args[attnK].Shape, args[attnV].Shape, shapeOf(args, attnPastK), shapeOf(args, attnMask))
	keys, values := k.caches(&s)
	own := s.Scratch(k.pool.Threads())
	if k.hasScores {
		own = max(own, 2+s.Rows*s.Dim)
	}
	return 4 * (keys + values + own)
}

// start gives the geometry of a run, and what of its inputs is no float.
func (k *attentionKernel) start(in []*tensor.Tensor) (attentionShapes, error) {
	var past, mask []int
	if k.hasPast {
		past = in[attnPastK].Shape
	}
	if k.hasMask {
		mask = in[attnMask].Shape
	}
	s, _ := k.shapes(in[attnQ].Shape, in[attnK].Shape, in[attnV].Shape, past, mask)
	a := &s.Attention
	if k.boolMask {
		a.Allowed = tensor.Data[uint8](in[attnMask])
	}
	if k.hasLengths {
		a.Lengths = tensor.Data[int64](in[attnLengths])
		for _, n := range a.Lengths {
			if n < 0 || n > int64(a.Keys) {
				return s, inputErr(k.name, "nonpad_kv_seqlen %d, expected 0 to %d", n, a.Keys)
			}
		}
	}
	return s, nil
}

// Run implements graph.Kernel.
func (k *attentionKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	s, err := k.start(in)
	if err != nil {
		return err
	}
	a := &s.Attention
	if k.hasMask && !k.boolMask {
		a.Mask = tensor.Data[float32](in[attnMask])
	}
	memory := floats(scratch)
	keys, values := tensor.Data[float32](in[attnK]), tensor.Data[float32](in[attnV])
	if k.cached() {
		var pastK, pastV []float32
		if k.hasPast {
			pastK, pastV = tensor.Data[float32](in[attnPastK]), tensor.Data[float32](in[attnPastV])
		}
		nk, nv := k.caches(&s)
		allK, allV := memory[:nk], memory[nk:nk+nv]
		memory = memory[nk+nv:]
		if k.presentKeys {
			allK = tensor.Data[float32](out[1])
		}
		if k.presentVs {
			allV = tensor.Data[float32](out[2])
		}
		appendRows(allK, pastK, keys, &s.k, s.past)
		appendRows(allV, pastV, values, &s.v, s.past)
		keys, values = allK, allV
	}
	q := tensor.Data[float32](in[attnQ])
	kernels.AttentionF32(k.pool, tensor.Data[float32](out[0]), q, keys, values, a, memory)
	if k.hasScores {
		k.writeScores(tensor.Data[float32](out[3]), q, keys, a, memory)
	}
	return nil
}

// appendRows writes, head by head, past rows of old and the rows of x.
func appendRows[T float32 | float64](dst, old, x []T, h *heads, past int) {
	if len(dst) == 0 {
		return
	}
	for b := range h.batch {
		for i := range h.heads {
			head := b*h.heads + i
			copy(dst, old[head*past*h.dim:(head+1)*past*h.dim])
			dst = dst[past*h.dim:]
			for r := range h.rows {
				copy(dst[:h.dim], x[b*h.strides.Batch+i*h.strides.Head+r*h.strides.Row:])
				dst = dst[h.dim:]
			}
		}
	}
}

// rowsAttention holds where queries, keys, values and past carry rows, and the mask too or the same for all.
func rowsAttention(_ *graph.Node, in []graph.Arg, rows []bool) bool {
	for i := range in {
		if !present(in, i) {
			continue
		}
		if i == attnMask && !rows[i] {
			if s := in[i].Shape; len(s) == 4 && s[0] != 1 {
				return false
			}
			continue
		}
		if !rows[i] || i == attnMask && len(in[i].Shape) != 4 {
			return false
		}
	}
	return true
}
