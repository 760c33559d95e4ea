package passes

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// foldScales takes what follows a convolution or a transposed one into its weights and its bias: BatchNormalization, and multiplications
// by and additions of constants, one for each channel or one for all. conv(x)·s + t = conv'(x) + bias', with weights w·s and bias b·s + t,
// each rounded once for each step. Weights that nothing else reads are changed where they are, if they are those of a graph owned.
func foldScales(g, owned *graph.Graph) {
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	var jobs []folding
	for _, n := range g.Nodes {
		if !is(n, "Conv") && !is(n, "ConvTranspose") || len(n.Inputs) < 2 || len(n.Inputs) > 3 || len(n.Outputs) != 1 {
			continue
		}
		w := g.Initializers[n.Inputs[1]]
		if w == nil || w.DType != tensor.Float32 || len(w.Shape) < 3 || w.Len() == 0 {
			continue
		}
		f, ok := newScales(g, n, w)
		if !ok {
			continue
		}
		last := n
		for next := e.onlyUser(n.Outputs[0]); next != nil && f.follow(g, next, last.Outputs[0]); next = e.onlyUser(next.Outputs[0]) {
			gone[next], last = true, next
		}
		if last == n {
			continue
		}
		inputs := []string{n.Inputs[0], n.Inputs[1], e.unused(g, last.Outputs[0]+".bias")}
		g.Initializers[inputs[2]] = tensor.Of(f.shift, f.filters)
		if f.scaled {
			folded := &tensor.Tensor{DType: tensor.Float32, Shape: slices.Clone(w.Shape)}
			jobs = append(jobs, folding{n.Inputs[1], w, folded, f.rows(is(n, "ConvTranspose"), w.Shape), owned != nil && e.onlyUser(n.Inputs[1]) == n})
			inputs[1] = e.unused(g, last.Outputs[0]+".weights")
			g.Initializers[inputs[1]] = folded
		}
		n.Inputs, n.Outputs = inputs, last.Outputs
	}
	remove(g, gone)
	scaleFilters(g, owned, jobs)
}

// scales is a factor and a sum for each filter of a convolution of some rank.
type scales struct {
	filters, rank int
	scale, shift  []float32
	scaled        bool // some factor is not one
}

// newScales are those of the bias of convolution n alone; not ok where the weights or the bias are not what they must be.
func newScales(g *graph.Graph, n *graph.Node, w *tensor.Tensor) (f *scales, ok bool) {
	filters := w.Shape[0]
	if n.Op == "ConvTranspose" {
		groups, err := n.IntAttr("group", 1)
		if err != nil || groups < 1 || groups > int64(w.Shape[0]) || int64(w.Shape[0])%groups != 0 {
			return nil, false
		}
		filters = w.Shape[1] * int(groups)
	}
	f = &scales{filters: filters, rank: len(w.Shape), scale: make([]float32, filters), shift: make([]float32, filters)}
	for i := range f.scale {
		f.scale[i] = 1
	}
	if len(n.Inputs) == 3 && n.Inputs[2] != "" {
		b := g.Initializers[n.Inputs[2]]
		if b == nil || b.DType != tensor.Float32 || len(b.Shape) != 1 || b.Shape[0] != filters {
			return nil, false
		}
		copy(f.shift, tensor.Data[float32](b))
	}
	return f, true
}

// follow takes in node n, one input of which is value, if it can.
func (f *scales) follow(g *graph.Graph, n *graph.Node, value string) bool {
	if len(n.Outputs) != 1 {
		return false
	}
	switch {
	case is(n, "BatchNormalization"):
		eps, err := n.FloatAttr("epsilon", 1e-5)
		if err != nil || n.Inputs[0] != value || !constantStatistics(g, n, f.filters) {
			return false
		}
		scale, shift := make([]float32, f.filters), make([]float32, f.filters)
		stat := func(i int) []float32 { return tensor.Data[float32](g.Initializers[n.Inputs[i]]) }
		kernels.BatchNormScale(scale, shift, stat(1), stat(2), stat(3), stat(4), eps)
		for i, s := range scale {
			f.scale[i], f.shift[i] = f.scale[i]*s, kernels.FMAF32(f.shift[i], s, shift[i])
		}
		f.scaled = true
		return true
	case is(n, "Mul") || is(n, "Add"):
		c, ok := f.constant(g, otherOperand(n, value))
		if !ok {
			return false
		}
		for i := range f.scale {
			v := c[i%len(c)]
			if n.Op == "Add" {
				f.shift[i] += v
			} else {
				f.scale[i], f.shift[i] = f.scale[i]*v, f.shift[i]*v
			}
		}
		f.scaled = f.scaled || n.Op == "Mul"
		return true
	}
	return false
}

// constant is a constant of one element, or of one for each filter along the axis of channels.
func (f *scales) constant(g *graph.Graph, name string) ([]float32, bool) {
	t := g.Initializers[name]
	if t == nil || t.DType != tensor.Float32 || len(t.Shape) > f.rank {
		return nil, false
	}
	axis := len(t.Shape) - f.rank + 1
	ok := t.Len() == 1 || axis >= 0 && t.Shape[axis] == f.filters && t.Len() == f.filters
	return tensor.Data[float32](t), ok
}

// rows is a factor for each run of weights of one filter: those of a transposed convolution are [channels × filters/groups × …].
func (f *scales) rows(transposed bool, w []int) []float32 {
	if !transposed {
		return f.scale
	}
	rows := make([]float32, w[0]*w[1])
	perGroup := w[0] / (f.filters / w[1])
	for i := range rows {
		rows[i] = f.scale[i/w[1]/perGroup*w[1]+i%w[1]]
	}
	return rows
}

// folding is a product of filters with a factor for each.
type folding struct {
	name     string // of from
	from, to *tensor.Tensor
	scale    []float32
	inPlace  bool
}

// scaleFilters computes jobs, where they are not in place to memory that they share: plans pack all of it and let go of it.
func scaleFilters(g, owned *graph.Graph, jobs []folding) {
	var where *graph.Memory
	total := 0
	for i := range jobs {
		j := &jobs[i]
		if j.inPlace && where == nil {
			where = graph.MemoryOf(owned)
		}
		if j.inPlace = j.inPlace && where.Places(j.from) == 1 && !where.Overlaps(j.from); !j.inPlace {
			total += len(j.from.Bytes)
		}
	}
	memory := kernels.HugeBytes(total)
	for _, j := range jobs {
		n := len(j.from.Bytes)
		if j.inPlace {
			j.to.Bytes = j.from.Bytes
			delete(g.Initializers, j.name)
		} else {
			j.to.Bytes, memory = memory[:n:n], memory[n:]
		}
		from, to := tensor.Data[float32](j.from), tensor.Data[float32](j.to)
		each := len(from) / len(j.scale)
		for f, s := range j.scale {
			row := to[f*each:][:each]
			for i, v := range from[f*each:][:each] {
				row[i] = v * s
			}
		}
	}
}
