package plan

import "github.com/hotpath/hotpath/graph/tensor"

// StepInfo describes one step of a plan for a given number of rows.
type StepInfo struct {
	Op    string `json:"op"`
	Node  string `json:"node"`
	DType string `json:"dtype"` // of the first output
	Shape []int  `json:"shape"`
	FLOPs int64  `json:"flops"` // of products and convolutions, two per multiply-add; 0 for the rest
}

// Describe lists the steps and the bytes of intermediate values for rows rows.
func (p *Plan) Describe(rows int) ([]StepInfo, int, error) {
	shapes := make([][]int, len(p.signature.Inputs))
	for i, in := range p.signature.Inputs {
		shapes[i] = withRows(in.Shape, rows)
	}
	r := p.whole
	b, err := r.newBinding(shapes)
	if err != nil {
		return nil, 0, err
	}
	var steps []StepInfo
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
	return steps, b.bytes, nil
}
