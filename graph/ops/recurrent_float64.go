package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// recurrentFloat64 is RNN, GRU and LSTM of float64: rows one after the other, step by step.
type recurrentFloat64 struct {
	*recurrentKernel
	functions [][]func(float64) float64 // f, g, h of each direction
	fixed     constants
}

func buildRecurrentFloat64(n *graph.Node, in []graph.Arg, cell kernels.Cell) (graph.Kernel, error) {
	r, err := readRecurrent(n, cell)
	if err != nil {
		return nil, err
	}
	k := &recurrentFloat64{recurrentKernel: r, fixed: constantsOf(in)}
	list, err := cellActivations(n, len(r.options), cellDefaults[cell])
	if err != nil {
		return nil, err
	}
	for d := range r.options {
		var functions []func(float64) float64
		for _, a := range list[d*len(list)/len(r.options) : (d+1)*len(list)/len(r.options)] {
			functions = append(functions, a.float64())
		}
		k.functions = append(k.functions, functions)
	}
	return k, nil
}

// ScratchBytes implements graph.ScratchKernel: the state, what the gates add up to, and for GRU the state behind the reset gate.
func (k *recurrentFloat64) ScratchBytes(args []graph.Arg) int {
	return 8 * args[rnnR].Shape[2] * (3 + k.options[0].Cell.Gates())
}

// Run implements graph.Kernel.
func (k *recurrentFloat64) Run(in, out []*tensor.Tensor, scratch []byte) error {
	steps, batch, input := k.sequence(in[rnnX].Shape)
	lengths := optionalData[int32](in, rnnLengths)
	for _, n := range lengths {
		if n < 0 || int(n) > steps {
			return inputErr(k.name, "sequence length %d, expected 0 to %d", n, steps)
		}
	}
	x, directions := tensor.Data[float64](in[rnnX]), len(k.options)
	y, lastH, lastC := optionalData[float64](out, 0), optionalData[float64](out, 1), optionalData[float64](out, 2)
	clear(y) // behind the end of a sequence
	for d := range directions {
		c := k.cell(in, d, scratch)
		for b := range batch {
			length := steps
			if lengths != nil {
				length = int(lengths[b])
			}
			state, yStep, yRow, xStep, xRow := d*batch+b, directions*batch, d*batch+b, batch, b
			if k.rowsFirst {
				state, yStep, yRow, xStep, xRow = b*directions+d, directions, b*steps*directions+d, 1, b*steps
			}
			c.begin(optionalData[float64](in, rnnH), optionalData[float64](in, rnnC), state)
			for t := range length {
				if k.reverse != (d == 1) {
					t = length - 1 - t
				}
				c.step(x[(xRow+t*xStep)*input:][:input])
				if y != nil {
					copy(y[(yRow+t*yStep)*c.hidden:], c.h)
				}
			}
			if lastH != nil {
				copy(lastH[state*c.hidden:], c.h)
			}
			if lastC != nil {
				copy(lastC[state*c.hidden:], c.c)
			}
		}
	}
	return nil
}

// cellFloat64 is one direction of a network and the state of one row.
type cellFloat64 struct {
	kernels.RecurrentOptions
	f             []func(float64) float64
	w, r, bias, p []float64 // bias and p may be nil
	hidden        int
	h, c, reset   []float64
	gates         []float64
}

// cell is that of direction d, in scratch.
func (k *recurrentFloat64) cell(in []*tensor.Tensor, d int, scratch []byte) cellFloat64 {
	part := func(i int) []float64 {
		if i >= len(in) {
			return nil
		}
		t := k.fixed.input(in, i)
		if t == nil {
			return nil
		}
		all := tensor.Data[float64](t)
		return all[d*len(all)/len(k.options) : (d+1)*len(all)/len(k.options)]
	}
	c := cellFloat64{RecurrentOptions: k.options[d], f: k.functions[d], w: part(rnnW), r: part(rnnR), bias: part(rnnB), p: part(rnnP), hidden: in[rnnR].Shape[2]}
	memory := words[float64](scratch)
	c.h, c.c, c.reset, c.gates = memory[:c.hidden], memory[c.hidden:2*c.hidden], memory[2*c.hidden:3*c.hidden], memory[3*c.hidden:(3+c.Cell.Gates())*c.hidden]
	return c
}

// begin sets the state to row number state of the initial ones, or to 0.
func (c *cellFloat64) begin(h, cells []float64, state int) {
	clear(c.h)
	clear(c.c)
	if h != nil {
		copy(c.h, h[state*c.hidden:])
	}
	if cells != nil {
		copy(c.c, cells[state*c.hidden:])
	}
}

// sum is W·x + R·h + both biases of row i of the gates.
func (c *cellFloat64) sum(i int, x, h []float64) float64 {
	s := dotF64(x, c.w[i*len(x):]) + dotF64(h, c.r[i*c.hidden:])
	if c.bias != nil {
		s += c.bias[i] + c.bias[len(c.bias)/2+i]
	}
	return s
}

func (c *cellFloat64) clip(v float64) float64 {
	if c.Clip == 0 {
		return v
	}
	return clamped(v, -float64(c.Clip), float64(c.Clip))
}

// step moves the state by one input.
func (c *cellFloat64) step(x []float64) {
	n, g := c.hidden, c.gates
	switch c.Cell {
	case kernels.CellRNN:
		for i := range g {
			g[i] = c.f[0](c.clip(c.sum(i, x, c.h)))
		}
		copy(c.h, g)
	case kernels.CellGRU:
		for i := range 2 * n { // z, r
			g[i] = c.f[0](c.clip(c.sum(i, x, c.h)))
		}
		for i := range n {
			c.reset[i] = g[n+i] * c.h[i]
		}
		for i := range n {
			at := 2*n + i
			s := 0.0
			switch {
			case !c.ResetAfter:
				s = c.sum(at, x, c.reset)
			case c.bias == nil:
				s = dotF64(x, c.w[at*len(x):]) + float64(g[n+i]*dotF64(c.h, c.r[at*n:]))
			default:
				s = dotF64(x, c.w[at*len(x):]) + c.bias[at] + float64(g[n+i]*(dotF64(c.h, c.r[at*n:])+c.bias[len(c.bias)/2+at]))
			}
			g[at] = c.f[1](c.clip(s))
		}
		for i := range n {
			c.h[i] = float64((1-g[i])*g[2*n+i]) + float64(g[i]*c.h[i])
		}
	case kernels.CellLSTM:
		for i := range g {
			g[i] = c.sum(i, x, c.h)
		}
		for i := range n {
			in, forget := g[i], g[2*n+i]
			if c.p != nil {
				in, forget = in+float64(c.p[i]*c.c[i]), forget+float64(c.p[2*n+i]*c.c[i])
			}
			in = c.f[0](c.clip(in))
			if forget = c.f[0](c.clip(forget)); c.InputForget {
				forget = 1 - in
			}
			c.c[i] = float64(forget*c.c[i]) + float64(in*c.f[1](c.clip(g[3*n+i])))
			o := g[n+i]
			if c.p != nil {
				o += float64(c.p[n+i] * c.c[i])
			}
			c.h[i] = c.f[0](c.clip(o)) * c.f[2](c.c[i])
		}
	}
}
