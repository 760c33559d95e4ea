package ops

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Recurrent networks. Constant weights are packed once, others in each run. LSTM and GRU have alike inputs: X, W, R, B, sequence_lens, initial_h, then
// initial_c and P for LSTM.
var (
	opLSTM = recurrentOp("lstm", "LSTM", kernels.CellLSTM, 8)
	opGRU  = recurrentOp("gru", "GRU", kernels.CellGRU, 6)
	opRNN  = recurrentOp("rnn", "RNN", kernels.CellRNN, 6)
)

// Inputs of recurrent operators.
const (
	rnnX = iota
	rnnW
	rnnR
	rnnB
	rnnLengths
	rnnH
	rnnC
	rnnP
)

func recurrentOp(name, opType string, cell kernels.Cell, inputs int) *Op {
	return &Op{
		Name: name, Type: opType, Since: 7, MinInputs: 3, Packs: func(i, _ int) bool { return i == 1 || i == 2 },
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 3, inputs); err != nil {
				return nil, err
			}
			k, err := readRecurrent(n, cell)
			if err != nil {
				return nil, err
			}
			return k.infer(n, in)
		},
		Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
			k, err := readRecurrent(n, cell)
			if err != nil {
				return nil, err
			}
			k.pack(in, pool)
			return k, nil
		},
		RowAxes: func(n *graph.Node, in, _ []graph.Arg, axes []int) []int {
			layout, err := n.IntAttr("layout", 0)
			batch := 1 - int(layout) // of X and of the state; lengths have no other
			for i := range in {
				want := batch
				switch i {
				case rnnW, rnnR, rnnB, rnnP:
					want = graph.NoRows
				case rnnLengths:
					want = 0
				}
				if present(in, i) && axes[i] != want {
					return nil
				}
			}
			if err != nil {
				return nil
			}
			return []int{2 * batch, batch}
		},
	}
}

// recurrentKernel is a network of one or two directions.
type recurrentKernel struct {
	pool      *kernels.Pool
	name      string
	options   []kernels.RecurrentOptions // of each direction
	reverse   bool                       // the first direction
	rowsFirst bool                       // layout 1: the batch is the first axis
	hidden    int
	nets      []*kernels.Recurrent // of constant weights
	dynamic   bool                 // some weights come with each run
	fixed     constants            // then, those that do not
	packs     sync.Pool            // of *packedNets
}

func readRecurrent(n *graph.Node, cell kernels.Cell) (*recurrentKernel, error) {
	k := &recurrentKernel{name: n.String()}
	direction, err := n.StringAttr("direction", "forward")
	if err != nil {
		return nil, err
	}
	directions := 1
	switch direction {
	case "forward":
	case "reverse":
		k.reverse = true
	case "bidirectional":
		directions = 2
	default:
		return nil, modelErr(n, "direction %q", direction)
	}
	ints := map[string]int64{"layout": 0, "hidden_size": 0, "input_forget": 0, "linear_before_reset": 0}
	for name := range ints {
		if ints[name], err = n.IntAttr(name, 0); err != nil {
			return nil, err
		}
	}
	if h := ints["hidden_size"]; h < 0 || h > math.MaxInt32 {
		return nil, modelErr(n, "hidden_size %d", h)
	}
	k.hidden, k.rowsFirst = int(ints["hidden_size"]), ints["layout"] == 1
	o := kernels.RecurrentOptions{Cell: cell, InputForget: ints["input_forget"] != 0, ResetAfter: ints["linear_before_reset"] != 0}
	if o.Clip, err = n.FloatAttr("clip", 0); err != nil {
		return nil, err
	}
	if !(o.Clip >= 0) {
		return nil, modelErr(n, "clip %v", o.Clip)
	}
	functions, err := cellActivations(n, directions, cellDefaults[cell])
	if err != nil {
		return nil, err
	}
	for d := range directions {
		each := functions[d*len(functions)/directions:]
		o.F = each[0].float32()
		if cell != kernels.CellRNN {
			o.G = each[1].float32()
		}
		if cell == kernels.CellLSTM {
			o.H = each[2].float32()
		}
		k.options = append(k.options, o)
	}
	return k, nil
}

// cellActivations reads the attributes of that name. alpha and beta are given to the functions that have them, in order, while they last.
func cellActivations(n *graph.Node, directions int, def []string) ([]cellActivation, error) {
	names, err := n.StringsAttr("activations")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = slices.Repeat(def, directions)
	}
	if len(names) != directions*len(def) {
		return nil, modelErr(n, "%d activations, expected %d", len(names), directions*len(def))
	}
	alphas, err := n.FloatsAttr("activation_alpha")
	if err != nil {
		return nil, err
	}
	betas, err := n.FloatsAttr("activation_beta")
	if err != nil {
		return nil, err
	}
	take := func(list *[]float32, def float32) float32 {
		if len(*list) == 0 {
			return def
		}
		v := (*list)[0]
		*list = (*list)[1:]
		return v
	}
	list := make([]cellActivation, len(names))
	for i, name := range names {
		c := cellActivation{name: strings.ToLower(name)}
		switch c.name {
		case "leakyrelu":
			c.alpha = take(&alphas, 0.01)
		case "elu":
			c.alpha = take(&alphas, 1)
		case "affine", "scaledtanh":
			c.alpha, c.beta = take(&alphas, 1), take(&betas, map[string]float32{"scaledtanh": 1}[c.name])
		case "hardsigmoid":
			c.alpha, c.beta = take(&alphas, 0.2), take(&betas, 0.5)
		}
		if c.float32() == nil {
			return nil, unsupported(n, "activation %q", name)
		}
		list[i] = c
	}
	return list, nil
}

// sequence returns the sizes of x.
func (k *recurrentKernel) sequence(x []int) (steps, batch, input int) {
	if k.rowsFirst {
		return x[1], x[0], x[2]
	}
	return x[0], x[1], x[2]
}

func (k *recurrentKernel) infer(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	if len(in[rnnX].Shape) != 3 || len(in[rnnR].Shape) != 3 {
		return nil, modelErr(n, "X of shape %v and R of shape %v, expected rank 3", in[rnnX].Shape, in[rnnR].Shape)
	}
	steps, batch, input := k.sequence(in[rnnX].Shape)
	directions, gates, hidden := len(k.options), k.options[0].Cell.Gates(), in[rnnR].Shape[2]
	if hidden < 1 || k.hidden > 0 && hidden != k.hidden {
		return nil, modelErr(n, "R has shape %v, hidden_size is %d", in[rnnR].Shape, k.hidden)
	}
	// A sequence of no steps may say any batch, which the working memory is for.
	if _, ok := tensor.Elements([]int{batch, 16, directions, gates * (input + hidden)}); !ok {
		return nil, fmt.Errorf("%s: X has shape %v: %w", n, in[rnnX].Shape, graph.ErrLimit)
	}
	state := []int{directions, batch, hidden}
	y := []int{steps, directions, batch, hidden}
	if k.rowsFirst {
		state, y = []int{batch, directions, hidden}, []int{batch, steps, directions, hidden}
	}
	for i, want := range [][]int{
		rnnX: in[rnnX].Shape, rnnW: {directions, gates * hidden, input}, rnnR: {directions, gates * hidden, hidden}, rnnB: {directions, 2 * gates * hidden},
		rnnLengths: {batch}, rnnH: state, rnnC: state, rnnP: {directions, 3 * hidden},
	} {
		if !present(in, i) {
			continue
		}
		dtype := tensor.Float32
		if i == rnnLengths {
			dtype = tensor.Int32
		}
		if err := wantDType(n, in, i, dtype); err != nil {
			return nil, err
		}
		if !slices.Equal(in[i].Shape, want) {
			return nil, modelErr(n, "input %d has shape %v, expected %v", i, in[i].Shape, want)
		}
	}
	out := []graph.Arg{{DType: tensor.Float32, Shape: y}, {DType: tensor.Float32, Shape: state}, {DType: tensor.Float32, Shape: state}}
	limit := 2
	if k.options[0].Cell == kernels.CellLSTM {
		limit = 3
	}
	return out[:min(limit, max(1, len(n.Outputs)))], nil
}

// pack prepares constant weights.
func (k *recurrentKernel) pack(in []graph.Arg, pool *kernels.Pool) {
	k.pool, k.fixed = pool, constantsOf(in)
	k.dynamic = !hasConst(in, rnnW) || !hasConst(in, rnnR) || present(in, rnnB) && !hasConst(in, rnnB) || present(in, rnnP) && !hasConst(in, rnnP)
	k.packs.New = func() any { return new(packedNets) }
	if k.dynamic {
		return
	}
	given := make([]*tensor.Tensor, len(in))
	for _, i := range []int{rnnW, rnnR, rnnB, rnnP} {
		if present(in, i) {
			given[i] = in[i].Const
		}
	}
	for d, o := range k.options {
		k.nets = append(k.nets, kernels.NewRecurrent(o, in[rnnW].Shape[2], in[rnnR].Shape[2],
			k.part(given, rnnW, d), k.part(given, rnnR, d), k.part(given, rnnB, d), k.part(given, rnnP, d)))
	}
	k.fixed = nil
}

// part is what input i, which may be missing, holds for direction d.
func (k *recurrentKernel) part(in []*tensor.Tensor, i, d int) []float32 {
	if i >= len(in) || in[i] == nil {
		return nil
	}
	t := in[i]
	if k.fixed != nil && k.fixed[i] != nil {
		t = k.fixed[i]
	}
	all := tensor.Data[float32](t)
	size := len(all) / len(k.options)
	return all[d*size : (d+1)*size]
}

// packedNets are networks whose weights came with a run.
type packedNets struct{ nets []*kernels.Recurrent }

// packed returns the networks of a run, in p where weights come with it.
func (k *recurrentKernel) packed(p *packedNets, in []*tensor.Tensor) []*kernels.Recurrent {
	if !k.dynamic {
		return k.nets
	}
	for d, o := range k.options {
		if d == len(p.nets) {
			p.nets = append(p.nets, new(kernels.Recurrent))
		}
		net := p.nets[d]
		net.RecurrentOptions, net.Input, net.Hidden = o, in[rnnW].Shape[2], in[rnnR].Shape[2]
		net.Pack(k.part(in, rnnW, d), k.part(in, rnnR, d), k.part(in, rnnB, d), k.part(in, rnnP, d))
	}
	return p.nets
}

// ScratchBytes implements graph.ScratchKernel.
func (k *recurrentKernel) ScratchBytes(args []graph.Arg) int {
	_, batch, input := k.sequence(args[rnnX].Shape)
	net := kernels.Recurrent{RecurrentOptions: k.options[0], Input: input, Hidden: args[rnnR].Shape[2]}
	return 4 * len(k.options) * net.Scratch(batch)
}

// Run implements graph.Kernel.
func (k *recurrentKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	steps, batch, input := k.sequence(in[rnnX].Shape)
	var lengths []int32
	if len(in) > rnnLengths && in[rnnLengths] != nil {
		lengths = tensor.Data[int32](in[rnnLengths])
		for _, n := range lengths {
			if n < 0 || int(n) > steps {
				return inputErr(k.name, "sequence length %d, expected 0 to %d", n, steps)
			}
		}
	}
	optional := func(list []*tensor.Tensor, i int) []float32 {
		if i >= len(list) || list[i] == nil {
			return nil
		}
		return tensor.Data[float32](list[i])
	}
	var sequences [2]kernels.Sequence
	own := k.packs.Get().(*packedNets)
	defer k.packs.Put(own)
	nets := k.packed(own, in)
	directions, hidden := len(nets), nets[0].Hidden
	for d := range directions {
		s := kernels.Sequence{Steps: steps, Batch: batch, Reverse: k.reverse != (d == 1), Lengths: lengths, X: tensor.Data[float32](in[rnnX]),
			XStep: batch * input, XRow: input, YStep: directions * batch * hidden, YRow: hidden, StateRow: hidden}
		y, state := d*batch*hidden, d*batch*hidden
		if k.rowsFirst {
			s.XStep, s.XRow = input, steps*input
			s.YStep, s.YRow, s.StateRow = directions*hidden, steps*directions*hidden, directions*hidden
			y, state = d*hidden, d*hidden
		}
		s.Y, s.H0, s.C0 = from(optional(out, 0), y), from(optional(in, rnnH), state), from(optional(in, rnnC), state)
		s.Hn, s.Cn = from(optional(out, 1), state), from(optional(out, 2), state)
		sequences[d] = s
	}
	kernels.RunRecurrent(k.pool, nets, &sequences, floats(scratch))
	return nil
}

// from cuts x, which may be nil.
func from(x []float32, at int) []float32 {
	if x == nil {
		return nil
	}
	return x[at:]
}
