package passes

import (
	"maps"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// eachBody calls f for g, then for all bodies in it.
func eachBody(g *graph.Graph, f func(*graph.Graph)) {
	f(g)
	for _, n := range g.Nodes {
		for _, body := range n.Bodies() {
			eachBody(body, f)
		}
	}
}

// sinkConstants gives bodies the constants that they capture as initializers of their own, so that passes and kernels see them.
func sinkConstants(g *graph.Graph) {
	for _, n := range g.Nodes {
		for _, body := range n.Bodies() {
			for _, name := range body.Captured() {
				if t := g.Initializers[name]; t != nil {
					if body.Initializers == nil {
						body.Initializers = map[string]*tensor.Tensor{}
					}
					body.Initializers[name] = t
				}
			}
			sinkConstants(body)
		}
	}
	dropUnused(g)
}

// inliner puts the branch that is taken in the place of an If with a constant condition.
type inliner struct{ names }

// simplify works on g, then on its bodies, until nothing more becomes constant.
func (in *inliner) simplify(g *graph.Graph) error {
	for {
		if err := simplify(g, g != in.root); err != nil {
			return err
		}
		if !in.inline(g) {
			break
		}
	}
	for _, n := range g.Nodes {
		for _, body := range n.Bodies() {
			if err := in.simplify(body); err != nil {
				return err
			}
		}
	}
	dropUnused(g) // what bodies captured
	return nil
}

// inline replaces every If whose condition is constant, and tells whether there was one.
func (in *inliner) inline(g *graph.Graph) (any bool) {
	kept := g.Nodes[:0:0]
	for _, n := range g.Nodes {
		branch := takenBranch(g, n)
		if branch == nil {
			kept = append(kept, n)
			continue
		}
		any = true
		in.freshNames(branch)
		maps.Copy(g.Initializers, branch.Initializers)
		kept = append(kept, branch.Nodes...)
		for i, out := range n.Outputs {
			if out != "" {
				kept = append(kept, &graph.Node{Name: n.Name, Op: "Identity", Inputs: []string{branch.Outputs[i].Name}, Outputs: []string{out},
					Attrs: map[string]graph.Attr{}, Opset: n.Opset})
			}
		}
	}
	g.Nodes = kept
	return any
}

// takenBranch is the branch that runs of an If with a constant condition; nil where n is anything else.
func takenBranch(g *graph.Graph, n *graph.Node) *graph.Graph {
	if !is(n, "If") {
		return nil
	}
	c := g.Initializers[n.Inputs[0]]
	if c == nil || c.DType != tensor.Bool || c.Len() != 1 {
		return nil
	}
	branch := n.Attrs["else_branch"].Graph
	if tensor.Data[bool](c)[0] {
		branch = n.Attrs["then_branch"].Graph
	}
	if branch == nil || len(branch.Inputs) > 0 || len(n.Outputs) > len(branch.Outputs) {
		return nil // the plan says what is wrong
	}
	return branch
}

// freshNames gives what a branch has names that nothing in the model has.
func (in *inliner) freshNames(branch *graph.Graph) {
	branch.Freshen(map[string]string{}, in.fresh)
}
