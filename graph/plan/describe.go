package plan

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// StepInfo describes one step of a plan for a given number of rows.
type StepInfo struct {
	Op    string `json:"op"`
	Node  string `json:"node"`
	DType string `json:"dtype"`           // of the first output; "" where values of a run decide
	Shape []int  `json:"shape,omitempty"` // nil where values of a run decide
	FLOPs int64  `json:"flops"`           // of products and convolutions, two per multiply-add; 0 for the rest
}

// Describe lists the steps and the bytes of intermediate values for rows rows. Of what follows a step whose shape depends on values, only
// the operators are known.
func (p *Plan) Describe(rows int) ([]StepInfo, int, error) {
	shapes := make([][]int, len(p.signature.Inputs))
	inputs := make([]*tensor.Tensor, len(shapes))
	for i, in := range p.signature.Inputs {
		shapes[i] = withRows(in.Shape, rows)
		inputs[i] = &tensor.Tensor{DType: in.DType, Shape: shapes[i]}
		if in.DType.Composite() {
			inputs[i].Shape = []int{0}
		}
	}
	var steps []StepInfo
	later := func(n *graph.Node) error {
		op, err := ops.Find(n)
		if err == nil {
			steps = append(steps, StepInfo{Op: op.Name, Node: n.Name})
		}
		return err
	}
	st, err := p.program.start(inputs)
	if err != nil { // it takes other shapes
		st = &stage{left: p.program.graph.Nodes}
	}
	bytes := 0
	if r := st.region; r != nil {
		if !st.whole {
			shapes = shapes[:0]
			for _, v := range st.in {
				for i, input := range p.program.inputs {
					if input == v {
						shapes = append(shapes, inputs[i].Shape)
					}
				}
			}
		}
		b, err := r.newBinding(shapes)
		if err != nil {
			return nil, 0, err
		}
		steps, bytes = r.describe(b), b.bytes
	}
	for _, d := range st.dynamic {
		if err := later(d.node); err != nil {
			return nil, 0, err
		}
	}
	for _, n := range st.left {
		if err := later(n); err != nil {
			return nil, 0, err
		}
	}
	return steps, bytes, nil
}

func (r *region) describe(b *binding) (steps []StepInfo) {
	for i, st := range r.steps {
		if b.kernels[i] == nil {
			continue
		}
		out := st.out[0]
		info := StepInfo{Op: st.op.Name, Node: st.node.Name, DType: r.slots[out].dtype.String(), Shape: b.shapes[out]}
		if st.op.Depth != nil {
			n, _ := tensor.Elements(b.shapes[out])
			info.FLOPs = 2 * int64(n) * int64(st.op.Depth(b.shapes[st.in[0]], b.shapes[st.in[1]]))
		}
		steps = append(steps, info)
	}
	return steps
}
