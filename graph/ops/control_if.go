package ops

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// If is the operator of that name, for those who look into its branches.
var If = opIf

// opIf runs one of two bodies, which have no inputs; its outputs are those of the body.
var opIf = &Op{
	Name: "if", Type: "If", Since: 1, Bodies: []string{"then_branch", "else_branch"},
	Flow: func(n *graph.Node, in, out []*tensor.Tensor, f Flow) error {
		yes, err := condition(n, in[0])
		if err != nil {
			return err
		}
		branch := 1
		if yes {
			branch = 0
		}
		if _, outputs := f.Signature(branch); outputs < len(out) {
			return modelErr(n, "%d outputs, the branch has %d", len(out), outputs)
		}
		return f.Run(branch, nil, out)
	},
}

// condition reads a boolean of one element.
func condition(n *graph.Node, t *tensor.Tensor) (bool, error) {
	if t == nil || t.DType != tensor.Bool || t.Len() != 1 {
		return false, modelErr(n, "the condition is %s, expected a bool", describe(t))
	}
	return tensor.Data[bool](t)[0], nil
}

// describe names dtype and shape of a value for errors.
func describe(t *tensor.Tensor) string {
	if t == nil {
		return "missing"
	}
	return fmt.Sprintf("%s of shape %v", t.DType, t.Shape)
}
