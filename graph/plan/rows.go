package plan

import "slices"

// proveRows sets Signature.RowIndependent: every input has an unknown first dimension, every operator on the way keeps
// rows apart by its own rule, and every value that carries rows has as many as the inputs, for two different counts.
func (p *Plan) proveRows() {
	for _, in := range p.signature.Inputs {
		if len(in.Shape) == 0 || in.Shape[0] >= 0 || slices.Contains(in.Shape[1:], -1) {
			return
		}
	}
	for _, rows := range []int{2, 3} {
		inputs := make([][]int, len(p.inputs))
		for i, in := range p.signature.Inputs {
			inputs[i] = withRows(in.Shape, rows)
		}
		args, err := p.infer(inputs)
		if err != nil {
			return // the model works for one row only
		}
		carries := make([]bool, len(p.slots))
		for _, s := range p.inputs {
			carries[s] = true
		}
		for _, st := range p.steps {
			in, any := make([]bool, len(st.in)), false
			for i, s := range st.in {
				if s != noSlot {
					in[i] = carries[s]
					any = any || in[i]
				}
			}
			if !any {
				continue
			}
			if st.op.Rows == nil || !st.op.Rows(st.node, argsOf(st.in, args), in) {
				return
			}
			for _, s := range st.out {
				if len(args[s].Shape) == 0 || args[s].Shape[0] != rows {
					return
				}
				carries[s] = true
			}
		}
		for _, s := range p.outputs {
			if !carries[s] {
				return
			}
		}
	}
	p.signature.RowIndependent = true
}
