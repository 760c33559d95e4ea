package kernels

import "sync"

// Cell is the kind of a recurrent network.
type Cell uint8

const (
	CellRNN  Cell = iota // h' = f(W·x + R·h + b)
	CellGRU              // Cho et al., 2014
	CellLSTM             // Hochreiter and Schmidhuber, 1997
)

// Gates is the number of gates whose weights lie one after the other: LSTM i, o, f, c; GRU z, r, h.
func (c Cell) Gates() int { return [...]int{1, 3, 4}[c] }

// RecurrentOptions are the variations that ONNX knows.
type RecurrentOptions struct {
	Cell        Cell
	Clip        float32 // gates are limited to ±Clip before their activation, the cell before H is not (as in ONNX Runtime); 0: none
	InputForget bool    // LSTM: f = 1 − i
	ResetAfter  bool    // GRU: r multiplies R·h + b instead of h (linear_before_reset)
	F, G, H     func(dst, x []float32)
}

// Recurrent is one direction of a recurrent network with packed weights.
type Recurrent struct {
	RecurrentOptions
	Input, Hidden                int
	gates, fresh, reset          *PackedF32 // GRU: fresh is its gate h, reset the part of it that r multiplies
	gateBias, freshBias, resetB  []float32
	peepI, peepO, peepF, oneEach []float32
	noBias, both, rows           []float32 // noBias stays zero; rows is needed while packing
}

// NewRecurrent packs w [gates·hidden × input] and r [gates·hidden × hidden]; bias is that of w, then that of r, gates·hidden each, or nil.
// peephole holds three vectors of hidden elements for i, o and f, or is nil.
func NewRecurrent(o RecurrentOptions, input, hidden int, w, r, bias, peephole []float32) *Recurrent {
	t := &Recurrent{RecurrentOptions: o, Input: input, Hidden: hidden}
	t.Pack(w, r, bias, peephole)
	t.rows = nil
	return t
}

// Pack packs weights, as NewRecurrent does, for the cell, Input and Hidden of t. It reuses the memory of weights packed before.
func (t *Recurrent) Pack(w, r, bias, peephole []float32) {
	input, hidden := t.Input, t.Hidden
	n := t.Cell.Gates() * hidden
	if bias == nil {
		t.noBias = resized(t.noBias, 2*n)
		bias = t.noBias
	}
	wb, rb := bias[:n], bias[n:2*n]
	t.both = resized(t.both, n)
	for i := range t.both {
		t.both[i] = wb[i] + rb[i]
	}
	pack := func(p **PackedF32, k, cols int, b []float32) {
		if *p == nil {
			*p = new(PackedF32)
		}
		(*p).Pack(k, cols, b, 1, k)
	}
	// rows from…to of [w r], transposed
	joined := func(p **PackedF32, from, to int) {
		depth := input + hidden
		t.rows = resized(t.rows, (to-from)*depth)
		for i := from; i < to; i++ {
			copy(t.rows[(i-from)*depth:], w[i*input:(i+1)*input])
			copy(t.rows[(i-from)*depth+input:], r[i*hidden:(i+1)*hidden])
		}
		pack(p, depth, to-from, t.rows)
	}
	joined(&t.gates, 0, t.gateCols())
	t.gateBias = t.both[:t.gateCols()]
	switch {
	case t.Cell != CellGRU:
	case t.ResetAfter:
		pack(&t.fresh, input, hidden, w[2*hidden*input:])
		pack(&t.reset, hidden, hidden, r[2*hidden*hidden:])
		t.freshBias, t.resetB = wb[2*hidden:], rb[2*hidden:]
	default:
		joined(&t.fresh, 2*hidden, n)
		t.freshBias = t.both[2*hidden:]
	}
	t.peepI, t.peepO, t.peepF = nil, nil, nil
	if peephole != nil {
		t.peepI, t.peepO, t.peepF = peephole[:hidden], peephole[hidden:2*hidden], peephole[2*hidden:3*hidden]
	}
	t.oneEach = resized(t.oneEach, hidden)
	setAll(t.oneEach, 1)
}

// gateCols is the number of columns that are multiplied by [x h] at once: all gates, but for GRU's last.
func (t *Recurrent) gateCols() int {
	if t.Cell == CellGRU {
		return 2 * t.Hidden
	}
	return t.Cell.Gates() * t.Hidden
}

// resized is x, or new memory, with n elements; what they hold is 0 or left from before.
func resized(x []float32, n int) []float32 {
	if cap(x) < n {
		return make([]float32, n)
	}
	return x[:n]
}

// Sequence is what one direction reads and writes. Row b of step t lies at t·Step + b·Row of X and Y, the state of row b at b·Row of the
// states.
type Sequence struct {
	Steps, Batch   int
	Reverse        bool
	Lengths        []int32 // steps of each row, 0 … Steps; nil: all
	X, Y           []float32
	XStep, XRow    int
	YStep, YRow    int
	H0, C0, Hn, Cn []float32 // first states, zero if nil; last states, not written if nil. Y may be nil too.
	StateRow       int
}

// Scratch is the number of elements Run needs for a batch.
func (t *Recurrent) Scratch(batch int) int {
	return batch*(2*(t.Input+t.Hidden)+t.gateCols()+3*t.Hidden) + t.Hidden
}

// Run goes through a sequence. Gates are GemmF32 over [x h]: one chain of multiply-adds over x continued over h, in segments of 256; then
// the bias (that of W and that of R, added once), peepholes by one FMA, Clip, the activation. New states are BlendF32 of the old:
//
//	LSTM: c' = f·c + (i·g);  h' = o·H(c')
//	GRU:  h' = z·h + ((1−z)·g), g of [x r·h] or, with ResetAfter, of r·(R·h + b) + (W·x + b) by one FMA
//
// A row's results do not depend on the batch or the pool. Beyond the length of a row Y is 0 and the state stays.
func (t *Recurrent) Run(pool *Pool, s *Sequence, scratch []float32) {
	if s.Batch == 0 {
		return
	}
	cut := func(n int) (part []float32) {
		part, scratch = scratch[:n], scratch[n:]
		return part
	}
	depth := t.Input + t.Hidden
	r := recurrentRun{Recurrent: t, Sequence: *s, pool: pool, depth: depth, a: cut(s.Batch * depth), a2: cut(s.Batch * depth), g: cut(s.Batch * t.gates.N),
		c: cut(s.Batch * t.Hidden), n: cut(s.Batch * t.Hidden), m: cut(s.Batch * t.Hidden), one: cut(t.Hidden)}
	for b := range s.Batch {
		initial(r.h(b), s.H0, b*s.StateRow)
		initial(r.cell(b), s.C0, b*s.StateRow)
	}
	for step := range s.Steps {
		r.step(step)
	}
	for b := range s.Batch {
		if s.Hn != nil {
			copy(s.Hn[b*s.StateRow:][:t.Hidden], r.h(b))
		}
		if s.Cn != nil {
			copy(s.Cn[b*s.StateRow:][:t.Hidden], r.cell(b))
		}
	}
}

func initial(dst, src []float32, at int) {
	if src == nil {
		clear(dst)
		return
	}
	copy(dst, src[at:at+len(dst)])
}

// recurrentRun is one Run: a holds [x h] of each row, h being the state; a2 another such matrix; g the gates; c the cells of an LSTM.
type recurrentRun struct {
	*Recurrent
	Sequence
	pool              *Pool
	depth             int
	a, a2, g, c, n, m []float32
	one               []float32
}

func (r *recurrentRun) h(b int) []float32    { return r.a[b*r.depth+r.Input : (b+1)*r.depth] }
func (r *recurrentRun) cell(b int) []float32 { return r.c[b*r.Hidden : (b+1)*r.Hidden] }
func (r *recurrentRun) gate(b, i int) []float32 {
	return r.g[b*r.gates.N+i*r.Hidden:][:r.Hidden]
}

// at returns the place in time of a row's step, and false beyond its length.
func (r *recurrentRun) at(b, step int) (int, bool) {
	length := r.Steps
	if r.Lengths != nil {
		length = int(r.Lengths[b])
	}
	if step >= length {
		return step, false
	}
	if r.Reverse {
		return length - 1 - step, true
	}
	return step, true
}

func (r *recurrentRun) step(step int) {
	for b := range r.Batch {
		if at, ok := r.at(b, step); ok {
			copy(r.a[b*r.depth:][:r.Input], r.X[at*r.XStep+b*r.XRow:])
		}
	}
	GemmF32(r.pool, r.Batch, r.a, r.depth, r.gates, r.g, r.gates.N, r.gateBias, nil)
	if r.Cell == CellGRU {
		r.fresher()
	}
	for b := range r.Batch {
		at, ok := r.at(b, step)
		if ok {
			r.advance(b)
		}
		if r.Y == nil {
			continue
		}
		y := r.Y[at*r.YStep+b*r.YRow:][:r.Hidden]
		if ok {
			copy(y, r.h(b))
		} else {
			clear(y)
		}
	}
}

// activate clips x and applies f in place.
func (r *recurrentRun) activate(x []float32, f func(dst, x []float32)) {
	if r.Clip != 0 {
		ClipF32(x, x, -r.Clip, r.Clip)
	}
	f(x, x)
}

// fresher computes the gates z and r of all rows, then what G is applied to, in n.
func (r *recurrentRun) fresher() {
	if r.ResetAfter {
		GemmF32(r.pool, r.Batch, r.a, r.depth, r.fresh, r.n, r.Hidden, r.freshBias, nil)
		GemmF32(r.pool, r.Batch, r.a[r.Input:], r.depth, r.reset, r.m, r.Hidden, r.resetB, nil)
	}
	for b := range r.Batch {
		r.activate(r.g[b*r.gates.N:(b+1)*r.gates.N], r.F)
		if n := r.n[b*r.Hidden : (b+1)*r.Hidden]; r.ResetAfter {
			BlendF32(n, r.gate(b, 1), r.m[b*r.Hidden:(b+1)*r.Hidden], n, r.oneEach)
			continue
		}
		row := r.a2[b*r.depth : (b+1)*r.depth]
		copy(row, r.a[b*r.depth:][:r.Input])
		MulF32(row[r.Input:], r.gate(b, 1), r.h(b))
	}
	if !r.ResetAfter {
		GemmF32(r.pool, r.Batch, r.a2, r.depth, r.fresh, r.n, r.Hidden, r.freshBias, nil)
	}
}

// advance replaces the state of row b by the next.
func (r *recurrentRun) advance(b int) {
	h := r.h(b)
	switch r.Cell {
	case CellRNN:
		g := r.gate(b, 0)
		r.activate(g, r.F)
		copy(h, g)
	case CellGRU:
		n, z := r.n[b*r.Hidden:(b+1)*r.Hidden], r.gate(b, 0)
		r.activate(n, r.G)
		AffineF32(r.one, z, 0, -1, 1)
		BlendF32(h, z, h, r.one, n)
	case CellLSTM:
		r.lstm(h, r.cell(b), r.gate(b, 0), r.gate(b, 1), r.gate(b, 2), r.gate(b, 3), r.g[b*r.gates.N:][:3*r.Hidden])
	}
}

// lstm advances one row; three is i, o and f, which lie together.
func (r *recurrentRun) lstm(h, c, i, o, f, g, three []float32) {
	switch {
	case r.peepI == nil && !r.InputForget:
		r.activate(three, r.F)
	default:
		peep(i, r.peepI, c)
		r.activate(i, r.F)
		if r.InputForget {
			AffineF32(f, i, 0, -1, 1)
		} else {
			peep(f, r.peepF, c)
			r.activate(f, r.F)
		}
	}
	r.activate(g, r.G)
	BlendF32(c, f, c, i, g)
	if r.peepI != nil || r.InputForget {
		peep(o, r.peepO, c)
		r.activate(o, r.F)
	}
	r.H(r.one, c)
	MulF32(h, o, r.one)
}

// peep adds the peephole p·c to a gate.
func peep(gate, p, c []float32) {
	for i, v := range p {
		gate[i] = FMAF32(v, c[i], gate[i])
	}
}

// RunRecurrent runs the directions of a network, one or two, at the same time. scratch holds that of each, one after the other.
func RunRecurrent(pool *Pool, nets []*Recurrent, sequences *[2]Sequence, scratch []float32) {
	if len(nets) == 1 {
		nets[0].Run(pool, &sequences[0], scratch)
		return
	}
	t := directions.Get().(*direction)
	*t = direction{nets, *sequences, scratch}
	pool.Run(len(nets), t)
	*t = direction{}
	directions.Put(t)
}

var directions = sync.Pool{New: func() any { return new(direction) }}

type direction struct {
	nets      []*Recurrent
	sequences [2]Sequence
	scratch   []float32
}

// Chunk runs one direction.
func (t *direction) Chunk(i int) {
	n := t.nets[i].Scratch(t.sequences[i].Batch)
	t.nets[i].Run(nil, &t.sequences[i], t.scratch[i*n:(i+1)*n])
}
