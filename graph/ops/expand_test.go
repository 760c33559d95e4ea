package ops_test

import (
	"fmt"
	"maps"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// runExpanded computes the operators that the node of c stands for, one after the other.
func (c *opCase) runExpanded(op *ops.Op) ([]*tensor.Tensor, error) {
	n := c.node()
	values := map[string]*tensor.Tensor{}
	declared := map[string]*graph.Value{}
	for i, t := range c.in {
		if t != nil {
			n.Inputs[i] = fmt.Sprint("in", i)
			values[n.Inputs[i]] = t
			declared[n.Inputs[i]] = &graph.Value{Name: n.Inputs[i], DType: t.DType, Shape: t.Shape}
		}
	}
	for i := range n.Outputs {
		if i >= len(c.want) || c.want[i] != nil {
			n.Outputs[i] = fmt.Sprint("out", i)
		}
	}
	made := 0
	x := ops.Expansion{Node: n, Constants: map[string]*tensor.Tensor{},
		Fresh:    func(name string) string { made++; return fmt.Sprint(name, ".", made) },
		Declared: func(name string) *graph.Value { return declared[name] }}
	if err := op.Expand(&x); err != nil {
		return nil, err
	}
	maps.Copy(values, x.Constants)
	for _, n := range x.Nodes {
		single := opCase{domain: n.Domain, op: n.Op, attrs: n.Attrs, opset: n.Opset, want: make([]*tensor.Tensor, len(n.Outputs))}
		for i, name := range n.Inputs {
			single.in = append(single.in, values[name])
			if name != "" {
				single.consts = append(single.consts, i)
			}
		}
		out, err := single.run()
		if err != nil {
			return nil, err
		}
		for i, name := range n.Outputs {
			values[name] = out[i]
		}
	}
	results := make([]*tensor.Tensor, len(n.Outputs))
	for i, name := range n.Outputs {
		results[i] = values[name]
	}
	return results, nil
}
