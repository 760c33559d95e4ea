package passes

import (
	"slices"

	"maps"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// constantStatistics reports whether n is a BatchNormalization over channels whose parameters are known.
func constantStatistics(g *graph.Graph, n *graph.Node, channels int) bool {
	if len(n.Inputs) != 5 {
		return false
	}
	for _, name := range n.Inputs[1:] {
		if t := g.Initializers[name]; t == nil || t.DType != tensor.Float32 || len(t.Shape) != 1 || t.Shape[0] != channels {
			return false
		}
	}
	training, err := ops.TrainsBatchNorm(n)
	return err == nil && !training
}

// foldBatchNorm multiplies the scale of a BatchNormalization into the weights of the convolution before it: conv(x)·s + t =
// conv'(x) + bias', with weights w·s and bias b·s + t, each rounded once. Weights that nothing else reads are changed where they are, if they
// are those of a graph owned.
func foldBatchNorm(g, owned *graph.Graph) {
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	var jobs []folding
	taken := namesOf(g)
	for _, n := range g.Nodes {
		if !is(n, "Conv") || len(n.Inputs) > 3 || len(n.Outputs) != 1 {
			continue
		}
		w, norm := g.Initializers[n.Inputs[1]], e.onlyUser(n.Outputs[0])
		if w == nil || w.DType != tensor.Float32 || len(w.Shape) < 3 || w.Len() == 0 || !is(norm, "BatchNormalization") || len(norm.Outputs) != 1 ||
			norm.Inputs[0] != n.Outputs[0] || !constantStatistics(g, norm, w.Shape[0]) {
			continue
		}
		eps, err := norm.FloatAttr("epsilon", 1e-5)
		if err != nil {
			continue
		}
		filters := w.Shape[0]
		scale, shift := make([]float32, filters), make([]float32, filters)
		stat := func(i int) []float32 { return tensor.Data[float32](g.Initializers[norm.Inputs[i]]) }
		kernels.BatchNormScale(scale, shift, stat(1), stat(2), stat(3), stat(4), eps)
		if len(n.Inputs) == 3 && n.Inputs[2] != "" {
			b := g.Initializers[n.Inputs[2]]
			if b == nil || b.DType != tensor.Float32 || len(b.Shape) != 1 || b.Shape[0] != filters {
				continue
			}
			for i, v := range tensor.Data[float32](b) {
				shift[i] = kernels.FMAF32(v, scale[i], shift[i])
			}
		}
		folded := &tensor.Tensor{DType: tensor.Float32, Shape: slices.Clone(w.Shape)}
		jobs = append(jobs, folding{n.Inputs[1], w, folded, scale, owned != nil && e.onlyUser(n.Inputs[1]) == n})
		weights, bias := unused(taken, norm.Outputs[0]+".weights"), unused(taken, norm.Outputs[0]+".bias")
		g.Initializers[weights], g.Initializers[bias] = folded, tensor.Of(shift, filters)
		n.Inputs, n.Outputs = []string{n.Inputs[0], weights, bias}, norm.Outputs
		gone[norm] = true
	}
	remove(g, gone)
	scaleFilters(g, owned, jobs)
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

// namesOf is the names that values of g have, and those that it reads from outside.
func namesOf(g *graph.Graph) map[string]bool {
	taken := map[string]bool{"": true}
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			taken[out] = true
		}
		for _, in := range n.Reads() {
			taken[in] = true
		}
	}
	for _, v := range g.Inputs {
		taken[v.Name] = true
	}
	for name := range g.Initializers {
		taken[name] = true
	}
	return taken
}

// unused returns a name that is not taken, from name on, and takes it.
func unused(taken map[string]bool, name string) string {
	for taken[name] {
		name += "'"
	}
	taken[name] = true
	return name
}

// fuseSwish replaces x·Sigmoid(x) by Swish, which is rounded once less.
func fuseSwish(g *graph.Graph) {
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		if !is(n, "Sigmoid") || len(n.Outputs) != 1 {
			continue
		}
		x, mul := n.Inputs[0], e.onlyUser(n.Outputs[0])
		if !is(mul, "Mul") || len(mul.Inputs) != 2 || len(mul.Outputs) != 1 || mul.Inputs[0] != x && mul.Inputs[1] != x {
			continue
		}
		mul.Op, mul.Inputs, mul.Attrs, mul.Opset = "Swish", []string{x}, nil, 0
		gone[n] = true
	}
	remove(g, gone)
}

// fuseConvolutions moves what follows a packed convolution into its epilogue: the addition of another packed value, then an activation.
func fuseConvolutions(g *graph.Graph) {
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		if n.Domain != graph.DomainFused || n.Op != "Conv" {
			continue
		}
		next := e.onlyUser(n.Outputs[0])
		if is(next, "Add") && !gone[next] {
			other := next.Inputs[0]
			if other == n.Outputs[0] {
				other = next.Inputs[1]
			}
			if other != n.Outputs[0] && g.Initializers[other] == nil {
				for len(n.Inputs) < 3 {
					n.Inputs = append(n.Inputs, "")
				}
				n.Inputs, n.Outputs = append(n.Inputs, other), next.Outputs
				gone[next] = true
				next = e.onlyUser(n.Outputs[0])
			}
		}
		if gone[next] {
			continue
		}
		if attrs, ok := ops.FusedActivation(next, func(name string) *tensor.Tensor { return g.Initializers[name] }); ok {
			maps.Copy(attrs, n.Attrs)
			n.Attrs, n.Outputs = attrs, next.Outputs
			gone[next] = true
		}
	}
	remove(g, gone)
}
