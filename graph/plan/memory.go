package plan

import (
	"errors"
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// RunBytes is the memory that Run takes for these inputs beside them: intermediate values and outputs, from the shapes
// alone. Where those of some steps follow only from values, it is the limit of one run. Errors are those of Run.
func (p *Plan) RunBytes(inputs []*tensor.Tensor) (int64, error) {
	if err := p.checkInputs(inputs); err != nil {
		return 0, err
	}
	if p.whole == nil {
		return int64(p.maxBytes), nil
	}
	b, err := p.whole.bind(inputs)
	if err != nil {
		return 0, blamed(err)
	}
	return int64(b.total), nil
}

// blamed makes an error of a run one of its inputs, unless it says whose it is.
func blamed(err error) error {
	if err == nil || errors.Is(err, graph.ErrInput) || errors.Is(err, graph.ErrLimit) {
		return err
	}
	return fmt.Errorf("%w: %w", err, graph.ErrInput)
}
