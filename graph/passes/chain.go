package passes

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// fuseChains makes one operator of elementwise operators on packed values that follow each other, each the only user of the one before.
func fuseChains(g *graph.Graph, packed map[string]bool) {
	e := edgesOf(g)
	gone := map[*graph.Node]bool{}
	for _, n := range g.Nodes {
		if gone[n] || !isPair(n) || !packed[n.Outputs[0]] {
			continue
		}
		var c chainBuilder
		var taken []*graph.Node
		out := ""
		for next := n; next != nil && !gone[next] && packed[next.Outputs[0]] && c.add(g, next, out); next = e.onlyUser(out) {
			taken, out = append(taken, next), next.Outputs[0]
		}
		if len(taken) < 2 {
			continue
		}
		for _, t := range taken[:len(taken)-1] {
			gone[t] = true
		}
		*taken[len(taken)-1] = graph.Node{Name: n.Name, Domain: graph.DomainFused, Op: "Chain", Inputs: c.inputs, Outputs: []string{out}, Attrs: map[string]graph.Attr{
			ops.AttrSteps: graph.Strs(c.steps), ops.AttrOperands: graph.Ints(c.operands...), ops.AttrStepParams: graph.Floats(c.params)}}
	}
	remove(g, gone)
}

// isPair reports whether n can be a step of two operands.
func isPair(n *graph.Node) bool {
	return n.Domain == graph.DomainONNX && ops.ChainPairs[n.Op] != nil && len(n.Inputs) == 2 && len(n.Outputs) == 1
}

// chainBuilder collects the steps of a chain.
type chainBuilder struct {
	inputs, steps []string
	operands      []int64
	params        []float32
}

// add appends n, if it can be a step; result is what the step before has made.
func (c *chainBuilder) add(g *graph.Graph, n *graph.Node, result string) bool {
	if isPair(n) {
		inputs := slices.Clone(c.inputs)
		operands := slices.Clone(c.operands)
		for _, in := range n.Inputs {
			if in == result && result != "" {
				operands = append(operands, ops.ChainResult)
				continue
			}
			if !slices.Contains(inputs, in) {
				inputs = append(inputs, in)
			}
			operands = append(operands, int64(slices.Index(inputs, in)))
		}
		if len(inputs) > ops.MaxChainInputs {
			return false
		}
		c.inputs, c.operands, c.steps, c.params = inputs, operands, append(c.steps, n.Op), append(c.params, 0, 0)
		return true
	}
	attrs, ok := ops.FusedActivation(n, func(name string) *tensor.Tensor { return g.Initializers[name] })
	if !ok || n.Inputs[0] != result {
		return false
	}
	c.steps = append(c.steps, attrs[ops.AttrActivation].String)
	c.operands = append(c.operands, ops.ChainResult, ops.ChainResult)
	c.params = append(c.params, attrs[ops.AttrActivationParams].Floats...)
	return true
}
