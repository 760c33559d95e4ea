package plan

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// Observer is called for every step of a run instead of the step, which it must run, once: to time it, for one. Steps of bodies are seen
// like others; the steps that run bodies (If, Loop, Scan) are not.
type Observer func(step StepInfo, run func() error) error

// runStep runs a kernel, through the observer where there is one.
func (m *machine) runStep(k graph.Kernel, in, out []*tensor.Tensor, scratch []byte, info func() StepInfo) error {
	return m.observer(info(), func() error { return k.Run(in, out, scratch) })
}
