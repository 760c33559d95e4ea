package plan

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// StepInfo describes one step of a plan for given input shapes.
type StepInfo struct {
	Op    string `json:"op"`
	Node  string `json:"node"`
	Value string `json:"value"`           // the name of the first output
	DType string `json:"dtype"`           // of the first output; "" where values of a run decide
	Shape []int  `json:"shape,omitempty"` // nil where values of a run decide
	FLOPs int64  `json:"flops"`           // of products and convolutions, two per multiply-add; 0 for the rest
	// Bytes of the first output, and where they lie in the arena; OutsideArena for outputs of the model, which lie in the caller's memory.
	Bytes  int `json:"bytes"`
	Offset int `json:"offset"`
}

// OutsideArena is the offset of what is not in the arena.
const OutsideArena = noOffset

// Describe lists the steps and the bytes of intermediate values for inputs, of which the shapes count. Of what follows a step whose shape
// depends on values, only the operators are known.
func (p *Plan) Describe(inputs []*tensor.Tensor) ([]StepInfo, int, error) {
	shapes := make([][]int, len(inputs))
	for i, in := range inputs {
		shapes[i] = in.Shape
	}
	var steps []StepInfo
	later := func(n *graph.Node) error {
		op, err := ops.Find(n)
		if err == nil {
			steps = append(steps, StepInfo{Op: op.Name, Node: n.Name, Value: n.Outputs[0], Offset: OutsideArena})
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
	for i := range r.steps {
		if b.kernels[i] != nil {
			steps = append(steps, r.stepInfo(b, i))
		}
	}
	return steps
}

// stepInfo describes step i as it runs with b.
func (r *region) stepInfo(b *binding, i int) StepInfo {
	st := &r.steps[i]
	out := st.out[0]
	info := StepInfo{Op: st.op.Name, Node: st.node.Name, Value: st.node.Outputs[0], DType: r.slots[out].dtype.String(), Shape: b.shapes[out], Offset: b.offsets[out]}
	n, _ := tensor.Elements(b.shapes[out])
	info.Bytes = n * r.slots[out].dtype.Size()
	if st.op.Depth != nil {
		info.FLOPs = 2 * int64(n) * int64(st.op.Depth(b.shapes[st.in[0]], b.shapes[st.in[1]]))
	}
	return info
}
