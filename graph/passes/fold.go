// Package passes rewrites models: graph in, graph out; bodies of control flow too. Standard keeps to ONNX operators and
// serves `hotpath optimize`, quantising and every plan. What only plans see: Expand puts the newest ONNX operators in the
// place of nodes that stand for several, before Standard; Fuse makes operators of the domain "hotpath", after it; Layout
// and Lower follow.
package passes

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// Standard folds constants, puts branches in the place of an If whose condition is constant, merges MatMul and Add into Gemm, and drops
// nodes that change nothing or that nothing uses; in bodies too. The answers keep their bits. m is not changed.
func Standard(m *graph.Model) (*graph.Model, error) {
	m = m.Clone()
	g := &m.Graph
	if err := g.Check(); err != nil {
		return nil, err
	}
	var err error
	eachBody(g, func(body *graph.Graph) {
		for _, n := range body.Nodes {
			if err == nil {
				_, err = ops.Find(n)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	in := inliner{names{root: g}}
	if err := in.simplify(g); err != nil {
		return nil, err
	}
	return m, g.Check()
}

// simplify is what Standard does with one graph, without its bodies.
func simplify(g *graph.Graph, lenient bool) error {
	dropSideOutputs(g)
	dropIdentities(g)
	keep := quantizedWeights(g)
	keepHalfWeights(g, keep)
	keepExpandable(g, keep)
	keepLegacy(g, keep)
	if err := foldConstants(g, keep, lenient); err != nil {
		return err
	}
	dropUnused(g)
	mergeMatMulAdd(g)
	return nil
}

// maxFoldedBytes bounds what one folded node may produce, so that a small file cannot become a large model. The largest weights of known
// networks that are made this way are 411 MB (the first dense layer of VGG).
const maxFoldedBytes = 512 << 20

// foldConstants computes nodes whose inputs are all constants, except those that keep says must stay as they are. What fails stays too if
// lenient is set: it may be in a body that never runs.
func foldConstants(g *graph.Graph, keep map[*graph.Node]bool, lenient bool) error {
	kept := g.Nodes[:0:0]
	for _, n := range g.Nodes {
		if keep[n] || !allConstant(g, n) {
			kept = append(kept, n)
			continue
		}
		out, err := compute(g, n)
		if err != nil && !lenient {
			return err
		}
		if err != nil || out == nil {
			kept = append(kept, n)
			continue
		}
		for j, name := range n.Outputs {
			if name != "" {
				g.Initializers[name] = out[j]
			}
		}
	}
	g.Nodes = kept
	return nil
}

// compute runs a node whose inputs are constants; nil where its outputs are no tensors.
func compute(g *graph.Graph, n *graph.Node) ([]*tensor.Tensor, error) {
	op, err := ops.Find(n)
	if err != nil {
		return nil, err
	}
	in := make([]*tensor.Tensor, len(n.Inputs))
	args := make([]graph.Arg, len(n.Inputs))
	for j, name := range n.Inputs {
		if t := g.Initializers[name]; t != nil {
			in[j], args[j] = t, graph.Arg{DType: t.DType, Shape: t.Shape, Const: t}
		}
	}
	outArgs, err := op.Infer(n, args)
	if err != nil {
		return nil, err
	}
	out := make([]*tensor.Tensor, len(outArgs))
	for j, a := range outArgs {
		if a.DType.Composite() {
			return nil, nil
		}
		if count, ok := tensor.Elements(a.Shape); !ok || count > maxFoldedBytes/max(1, a.DType.Size()) {
			return nil, fmt.Errorf("%s: a constant of shape %v: %w", n, a.Shape, graph.ErrLimit)
		}
		out[j] = tensor.New(a.DType, a.Shape...)
	}
	kernel, err := ops.CPU{}.Kernel(n, args)
	if err != nil {
		return nil, err
	}
	var scratch []byte
	if s, ok := kernel.(graph.ScratchKernel); ok {
		size := s.ScratchBytes(args)
		if size < 0 || size > maxFoldedBytes {
			return nil, fmt.Errorf("%s: %d bytes to compute a constant: %w", n, size, graph.ErrLimit)
		}
		scratch = tensor.AlignedBytes(size)
	}
	return out, kernel.Run(in, out, scratch)
}

func allConstant(g *graph.Graph, n *graph.Node) bool {
	for _, name := range n.Inputs {
		if name != "" && g.Initializers[name] == nil {
			return false
		}
	}
	return len(n.Inputs) > 0 && len(n.Bodies()) == 0
}

// quantizedWeights are the DequantizeLinear nodes over constants: folding them would turn small integer weights into
// floats and hide them from the integer kernels.
func quantizedWeights(g *graph.Graph) map[*graph.Node]bool {
	keep := map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		if n.Domain == graph.DomainONNX && n.Op == "DequantizeLinear" {
			keep[n] = true
		}
	}
	return keep
}

// dropIdentities connects the users of Identity and inference-time Dropout to their source, and gives the source of a graph output its name. A
// node stays where its source is no node's or has such a name.
func dropIdentities(g *graph.Graph) {
	isOutput := map[string]bool{}
	for _, v := range g.Outputs {
		isOutput[v.Name] = true
	}
	changesNothing := func(n *graph.Node) bool {
		return (is(n, "Identity") || is(n, "Dropout") && !trains(g, n)) && len(n.Outputs) == 1
	}
	source := map[string]string{}
	kept := g.Nodes[:0]
	for _, n := range g.Nodes {
		if len(source) > 0 {
			n.Rename(source)
		}
		if changesNothing(n) && !isOutput[n.Outputs[0]] {
			source[n.Outputs[0]] = n.Inputs[0]
			continue
		}
		kept = append(kept, n)
	}
	g.Nodes = kept
	produced, name, gone := edgesOf(g).producer, map[string]string{}, map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		if from := n.Inputs; changesNothing(n) && produced[from[0]] != nil && !isOutput[from[0]] && name[from[0]] == "" {
			name[from[0]], gone[n] = n.Outputs[0], true
		}
	}
	remove(g, gone)
	for _, n := range g.Nodes {
		n.Rename(name)
		for i, out := range n.Outputs {
			if to := name[out]; to != "" {
				n.Outputs[i] = to
			}
		}
	}
}

// trains reports whether a Dropout may be told to drop something.
func trains(g *graph.Graph, n *graph.Node) bool {
	if len(n.Inputs) < 3 || n.Inputs[2] == "" {
		return false
	}
	t := g.Initializers[n.Inputs[2]]
	return t == nil || t.DType != tensor.Bool || t.Len() != 1 || tensor.Data[bool](t)[0]
}

// dropUnused removes nodes and initializers that no output depends on. Nodes need not be sorted.
func dropUnused(g *graph.Graph) {
	producer := make(map[string]*graph.Node, len(g.Nodes))
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			producer[out] = n
		}
	}
	used, needed := map[string]bool{}, map[*graph.Node]bool{}
	var open []string
	for _, v := range g.Outputs {
		open = append(open, v.Name)
	}
	for len(open) > 0 {
		name := open[len(open)-1]
		open = open[:len(open)-1]
		if used[name] || name == "" {
			continue
		}
		used[name] = true
		if n := producer[name]; n != nil && !needed[n] {
			needed[n] = true
			open = append(open, n.Reads()...)
		}
	}
	kept := g.Nodes[:0]
	for _, n := range g.Nodes {
		if needed[n] {
			kept = append(kept, n)
		}
	}
	g.Nodes = kept
	for name := range g.Initializers {
		if !used[name] {
			delete(g.Initializers, name)
		}
	}
}
