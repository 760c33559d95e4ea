package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// opLoop runs a body as often as its first input says and its second input, then the first output of the body, allow; either may be
// missing. The other inputs go into the first iteration, from then on what the body makes of them; what the body gives beyond those is
// stacked along a new axis 0.
var opLoop = &Op{
	Name: "loop", Type: "Loop", Since: 1, MinInputs: NoInputs, Bodies: []string{"body"},
	Flow: func(n *graph.Node, in, out []*tensor.Tensor, f Flow) error {
		trips, more, err := loopBounds(n, in)
		if err != nil {
			return err
		}
		carried := in[min(2, len(in)):]
		inputs, outputs := f.Signature(0)
		if inputs != 2+len(carried) || outputs < 1+len(carried) || len(out) > outputs-1 || slices.Contains(carried, nil) {
			return modelErr(n, "%d values carried and %d outputs for a body with %d inputs and %d outputs", len(carried), len(out), inputs, outputs)
		}
		l := newCarrying(carried, outputs-1-len(carried), out)
		count, goOn := tensor.Of([]int64{0}), tensor.Of([]bool{more})
		head, next := []*tensor.Tensor{count, goOn}, []*tensor.Tensor{tensor.New(tensor.Bool)}
		i := int64(0)
		for ; i < trips && more; i++ {
			if err := f.Step(); err != nil {
				return err
			}
			tensor.Data[int64](count)[0] = i
			if err := l.step(f, head, next); err != nil {
				return err
			}
			for k, t := range l.stacked {
				if err := appendElement(n, t, l.elements[k], int(i), l.shapes[k]); err != nil {
					return err
				}
				l.shapes[k] = append(l.shapes[k][:0], l.elements[k].Shape...)
			}
			if more, err = condition(n, next[0]); err != nil {
				return err
			}
			tensor.Data[bool](goOn)[0] = more
			if err := f.Hold(0, l.held()); err != nil {
				return err
			}
		}
		return l.finish(n, out, int(i))
	},
}

func loopBounds(n *graph.Node, in []*tensor.Tensor) (trips int64, more bool, err error) {
	trips, more = math.MaxInt64, true
	if len(in) > 0 && in[0] != nil {
		if in[0].DType != tensor.Int64 || in[0].Len() != 1 {
			return 0, false, modelErr(n, "the trip count is %s, expected an int64", describe(in[0]))
		}
		trips = tensor.Data[int64](in[0])[0]
	}
	if len(in) > 1 && in[1] != nil {
		more, err = condition(n, in[1])
	}
	return trips, more, err
}

// carrying is the state of a Loop or a Scan: values that go from one iteration to the next, in two sets of memory in turn, and the stacks
// of what iterations give.
type carrying struct {
	first    []*tensor.Tensor // into the first iteration
	sets     [2][]*tensor.Tensor
	now      []*tensor.Tensor
	turn     int
	elements []*tensor.Tensor // of this iteration
	stacked  []*tensor.Tensor
	shapes   [][]int // of the elements so far
	in, out  []*tensor.Tensor
}

func newCarrying(first []*tensor.Tensor, stacks int, out []*tensor.Tensor) *carrying {
	l := &carrying{first: first, now: first, shapes: make([][]int, stacks)}
	for i := range l.sets {
		l.sets[i] = newTensors(len(first))
	}
	l.elements, l.stacked = newTensors(stacks), newTensors(stacks)
	if len(out) > len(first) {
		copy(l.stacked, out[len(first):])
	}
	for _, t := range l.stacked {
		*t = tensor.Tensor{DType: t.DType, Bytes: t.Bytes[:0], Strings: t.Strings[:0]}
	}
	return l
}

func newTensors(n int) []*tensor.Tensor {
	all := make([]tensor.Tensor, n)
	list := make([]*tensor.Tensor, n)
	for i := range list {
		list[i] = &all[i]
	}
	return list
}

// step runs the body on head, the values carried and tail; before are the outputs of the body before those.
func (l *carrying) step(f Flow, head, before []*tensor.Tensor, tail ...*tensor.Tensor) error {
	next := l.sets[l.turn]
	l.turn = 1 - l.turn
	l.in = append(append(append(l.in[:0], head...), l.now...), tail...)
	l.out = append(append(append(l.out[:0], before...), next...), l.elements...)
	if err := f.Run(0, l.in, l.out); err != nil {
		return err
	}
	l.now = next
	return nil
}

// held lists what the operator keeps.
func (l *carrying) held() []*tensor.Tensor {
	l.out = append(append(append(l.out[:0], l.sets[0]...), l.sets[1]...), l.stacked...)
	return l.out
}

// finish gives the outputs after count iterations.
func (l *carrying) finish(n *graph.Node, out []*tensor.Tensor, count int) error {
	l.last(out)
	for k := range out[min(len(out), len(l.first)):] {
		t := out[len(l.first)+k]
		if count == 0 {
			if err := noElements(n, t, n.Attrs["body"].Graph, len(n.Attrs["body"].Graph.Outputs)-len(l.stacked)+k, 0); err != nil {
				return err
			}
			continue
		}
		t.Shape = append([]int{count}, l.shapes[k]...)
	}
	return nil
}

// last gives the outputs that are carried values their last one.
func (l *carrying) last(out []*tensor.Tensor) {
	for i, t := range l.now {
		if i >= len(out) {
			break
		}
		if t == l.first[i] {
			setTo(out[i], t)
		} else {
			*out[i] = *t
		}
	}
}

// setTo makes dst a copy of src.
func setTo(dst, src *tensor.Tensor) {
	if dst.DType != src.DType {
		*dst = tensor.Tensor{DType: src.DType}
	}
	dst.Resize(src.Shape...)
	copyElements(dst, src)
}

// noElements makes t the stack of no elements of output i of a body: the dimensions are those the body declares, 0 where it does not.
func noElements(n *graph.Node, t *tensor.Tensor, body *graph.Graph, i, axis int) error {
	v := body.Outputs[i]
	if v.DType == tensor.Invalid || v.DType.Composite() || axis > len(v.Shape) {
		return modelErr(n, "no iteration, and the body does not declare what its output %d is", i)
	}
	shape := slices.Insert(slices.Clone(v.Shape), axis, 0)
	for a, d := range shape {
		shape[a] = max(d, 0)
	}
	*t = *tensor.New(v.DType, shape...)
	return nil
}

// appendElement adds the element of iteration i to a stack.
func appendElement(n *graph.Node, stack, element *tensor.Tensor, i int, shape []int) error {
	if element.DType.Composite() || i > 0 && (stack.DType != element.DType || !slices.Equal(shape, element.Shape)) {
		return inputErr(n.String(), "iteration %d gives %s to stack, expected %s of shape %v", i, describe(element), stack.DType, shape)
	}
	if i == 0 && stack.DType != element.DType {
		*stack = tensor.Tensor{DType: element.DType}
	}
	stack.Bytes = append(stack.Bytes, element.Bytes...)
	stack.Strings = append(stack.Strings, element.Strings...)
	return nil
}
