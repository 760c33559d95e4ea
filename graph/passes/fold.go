// Package passes rewrites models: graph in, graph out. Standard keeps to ONNX operators and serves `hotpath optimize`
// and every plan; Fuse makes operators of the domain "hotpath", which only plans see.
package passes

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// Standard folds constants, merges MatMul and Add into Gemm, and drops nodes that change nothing or that nothing uses.
// The answers keep their bits. m is not changed.
func Standard(m *graph.Model) (*graph.Model, error) {
	m = m.Clone()
	g := &m.Graph
	if err := g.Check(); err != nil {
		return nil, err
	}
	for _, n := range g.Nodes {
		if _, err := ops.Find(n); err != nil {
			return nil, err
		}
	}
	modernise(g)
	dropIdentities(g)
	keep := quantizedWeights(g)
	keepHalfWeights(g, keep)
	if err := foldConstants(g, keep); err != nil {
		return nil, err
	}
	dropUnused(g)
	mergeMatMulAdd(g)
	return m, g.Check()
}

// maxFoldedBytes bounds what one folded node may produce, so that a small file cannot become a large model.
const maxFoldedBytes = 256 << 20

// foldConstants computes nodes whose inputs are all constants, except those that keep says must stay as they are.
func foldConstants(g *graph.Graph, keep map[*graph.Node]bool) error {
	for i := 0; i < len(g.Nodes); i++ {
		n := g.Nodes[i]
		if keep[n] || !allConstant(g, n) {
			continue
		}
		op, err := ops.Find(n)
		if err != nil {
			return err
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
			return err
		}
		out := make([]*tensor.Tensor, len(outArgs))
		for j, a := range outArgs {
			if count, ok := tensor.Elements(a.Shape); !ok || count > maxFoldedBytes/max(1, a.DType.Size()) {
				return fmt.Errorf("%s: a constant of shape %v: %w", n, a.Shape, graph.ErrLimit)
			}
			out[j] = tensor.New(a.DType, a.Shape...)
		}
		kernel, err := ops.CPU{}.Kernel(n, args)
		if err != nil {
			return err
		}
		var scratch []byte
		if s, ok := kernel.(graph.ScratchKernel); ok {
			size := s.ScratchBytes(args)
			if size < 0 || size > maxFoldedBytes {
				return fmt.Errorf("%s: %d bytes to compute a constant: %w", n, size, graph.ErrLimit)
			}
			scratch = tensor.AlignedBytes(size)
		}
		if err := kernel.Run(in, out, scratch); err != nil {
			return err
		}
		for j, name := range n.Outputs {
			if name != "" {
				g.Initializers[name] = out[j]
			}
		}
		g.Nodes = append(g.Nodes[:i], g.Nodes[i+1:]...)
		i--
	}
	return nil
}

func allConstant(g *graph.Graph, n *graph.Node) bool {
	for _, name := range n.Inputs {
		if name != "" && g.Initializers[name] == nil {
			return false
		}
	}
	return len(n.Inputs) > 0
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

// dropIdentities connects the users of Identity and inference-time Dropout to their source. A node that produces a
// graph output keeps its name and stays.
func dropIdentities(g *graph.Graph) {
	isOutput := map[string]bool{}
	for _, v := range g.Outputs {
		isOutput[v.Name] = true
	}
	source := map[string]string{}
	kept := g.Nodes[:0]
	for _, n := range g.Nodes {
		for i, in := range n.Inputs {
			if s, ok := source[in]; ok {
				n.Inputs[i] = s
			}
		}
		passes := n.Domain == graph.DomainONNX && (n.Op == "Identity" || n.Op == "Dropout" && (len(n.Inputs) < 3 || n.Inputs[2] == ""))
		if passes && len(n.Outputs) == 1 && !isOutput[n.Outputs[0]] {
			source[n.Outputs[0]] = n.Inputs[0]
			continue
		}
		kept = append(kept, n)
	}
	g.Nodes = kept
}

// dropUnused removes nodes and initializers that no output depends on.
func dropUnused(g *graph.Graph) {
	used := map[string]bool{}
	for _, v := range g.Outputs {
		used[v.Name] = true
	}
	kept := make([]*graph.Node, 0, len(g.Nodes))
	for i := len(g.Nodes) - 1; i >= 0; i-- { // Nodes are sorted: users come after what they use
		n := g.Nodes[i]
		needed := false
		for _, out := range n.Outputs {
			needed = needed || used[out]
		}
		if !needed {
			continue
		}
		for _, in := range n.Inputs {
			used[in] = true
		}
		kept = append(kept, n)
	}
	for i, j := 0, len(kept)-1; i < j; i, j = i+1, j-1 {
		kept[i], kept[j] = kept[j], kept[i]
	}
	g.Nodes = kept
	for name := range g.Initializers {
		if !used[name] {
			delete(g.Initializers, name)
		}
	}
}
