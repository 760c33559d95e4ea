package ops_test

import (
	"errors"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// seq and opt make sequences and optionals.
func seq(items ...*tensor.Tensor) *tensor.Tensor { return tensor.Compose(tensor.Sequence, items...) }
func opt(items ...*tensor.Tensor) *tensor.Tensor { return tensor.Compose(tensor.Optional, items...) }

func scalar(v int64) *tensor.Tensor { return i64([]int64{v}) }

// Operators on values made of items.
var itemCases = []opCase{
	{op: "SequenceConstruct", in: ts(vec(1), vec(2, 3)), want: ts(seq(vec(1), vec(2, 3)))},
	{name: "dtypes", op: "SequenceConstruct", in: ts(vec(1), scalar(1)), wantErr: graph.ErrModel},
	{op: "SequenceEmpty", want: ts(seq())},
	{op: "SequenceAt", consts: []int{0, 1}, in: ts(seq(vec(1), vec(2, 3)), scalar(-1)), want: ts(vec(2, 3))},
	{name: "narrow", op: "SequenceAt", consts: []int{0, 1}, in: ts(seq(text("a"), text("b")), tensor.Of([]int32{0})), want: ts(text("a"))},
	{name: "ON11 outside", op: "SequenceAt", consts: []int{0, 1}, in: ts(seq(vec(1)), scalar(1)), wantErr: graph.ErrInput},
	{name: "ON11 before", op: "SequenceAt", consts: []int{0, 1}, in: ts(seq(vec(1)), scalar(-1<<63)), wantErr: graph.ErrInput},
	{name: "of nothing", op: "SequenceAt", consts: []int{0, 1}, in: ts(seq(), scalar(0)), wantErr: graph.ErrInput},
	{name: "of a tensor", op: "SequenceAt", consts: []int{0, 1}, in: ts(vec(1), scalar(0)), wantErr: graph.ErrModel},
	{name: "at the end", op: "SequenceInsert", in: ts(seq(vec(1)), vec(2)), want: ts(seq(vec(1), vec(2)))},
	{name: "in front", op: "SequenceInsert", in: ts(seq(vec(1), vec(3)), vec(2), scalar(-2)), want: ts(seq(vec(2), vec(1), vec(3)))},
	{name: "before the last", op: "SequenceInsert", in: ts(seq(vec(1), vec(3)), vec(2), scalar(-1)), want: ts(seq(vec(1), vec(2), vec(3)))},
	{name: "behind all", op: "SequenceInsert", in: ts(seq(vec(1), vec(3)), vec(2), scalar(2)), want: ts(seq(vec(1), vec(3), vec(2)))},
	{name: "ON11 outside", op: "SequenceInsert", in: ts(seq(vec(1)), vec(2), scalar(2)), wantErr: graph.ErrInput},
	{name: "ON11 before", op: "SequenceInsert", in: ts(seq(vec(1)), vec(2), scalar(-2)), wantErr: graph.ErrInput},
	{name: "another dtype", op: "SequenceInsert", in: ts(seq(vec(1)), scalar(2)), wantErr: graph.ErrInput},
	{name: "the last", op: "SequenceErase", in: ts(seq(vec(1), vec(2))), want: ts(seq(vec(1)))},
	{name: "the first", op: "SequenceErase", in: ts(seq(vec(1), vec(2)), scalar(-2)), want: ts(seq(vec(2)))},
	{name: "of nothing", op: "SequenceErase", in: ts(seq()), wantErr: graph.ErrInput},
	{name: "ON11 outside", op: "SequenceErase", in: ts(seq(vec(1)), scalar(1)), wantErr: graph.ErrInput},
	{op: "SequenceLength", in: ts(seq(vec(1), vec(2))), want: ts(scalar(2))},
	{name: "single", op: "SplitToSequence", in: ts(count(2, 2)), want: ts(seq(f32([]float32{0, 1}, 1, 2), f32([]float32{2, 3}, 1, 2)))},
	{name: "without the axis", op: "SplitToSequence", attrs: attrs("axis", graph.Int(1), "keepdims", graph.Int(0)), in: ts(count(2, 2)), want: ts(seq(vec(0, 2), vec(1, 3)))},
	{name: "of one size", op: "SplitToSequence", consts: []int{1}, in: ts(count(3), scalar(2)), want: ts(seq(vec(0, 1), vec(2)))},
	{name: "of given sizes", op: "SplitToSequence", consts: []int{1}, in: ts(text("a", "b", "c"), i64([]int64{1, 2}, 2)), want: ts(seq(text("a"), text("b", "c")))},
	{name: "ON11 size 0", op: "SplitToSequence", consts: []int{1}, in: ts(count(3), scalar(0)), wantErr: graph.ErrInput},
	{name: "ON11 sum", op: "SplitToSequence", consts: []int{1}, in: ts(count(3), i64([]int64{1, 1}, 2)), wantErr: graph.ErrInput},
	{name: "ON11 negative", op: "SplitToSequence", consts: []int{1}, in: ts(count(3), i64([]int64{4, -1}, 2)), wantErr: graph.ErrInput},
	{op: "ConcatFromSequence", attrs: attrs("axis", graph.Int(0)), consts: []int{0}, in: ts(seq(vec(1), vec(2, 3))), want: ts(vec(1, 2, 3))},
	{name: "stacked", op: "ConcatFromSequence", attrs: attrs("axis", graph.Int(-1), "new_axis", graph.Int(1)), consts: []int{0}, in: ts(seq(vec(1, 2), vec(3, 4))), want: ts(f32([]float32{1, 3, 2, 4}, 2, 2))},
	{name: "of nothing", op: "ConcatFromSequence", attrs: attrs("axis", graph.Int(0)), consts: []int{0}, in: ts(seq()), wantErr: graph.ErrInput},
	{name: "of different ranks", op: "ConcatFromSequence", attrs: attrs("axis", graph.Int(0)), consts: []int{0}, in: ts(seq(vec(1), count(1, 1))), wantErr: graph.ErrInput},
	{op: "Optional", in: ts(vec(1)), want: ts(opt(vec(1)))},
	{name: "of nothing", op: "Optional", want: ts(opt())},
	{op: "OptionalHasElement", in: ts(opt(vec(1))), want: ts(tensor.Of([]bool{true}))},
	{name: "without", op: "OptionalHasElement", in: ts(opt()), want: ts(tensor.Of([]bool{false}))},
	{name: "a tensor", op: "OptionalHasElement", in: ts(vec(1)), want: ts(tensor.Of([]bool{true}))},
	{name: "omitted", op: "OptionalHasElement", in: ts(nil), want: ts(tensor.Of([]bool{false}))},
	{op: "OptionalGetElement", consts: []int{0}, in: ts(opt(vec(1))), want: ts(vec(1))},
	{name: "a sequence", op: "OptionalGetElement", consts: []int{0}, in: ts(opt(seq(vec(1)))), want: ts(seq(vec(1)))},
	{name: "a tensor", op: "OptionalGetElement", in: ts(vec(1)), want: ts(vec(1))},
	{name: "without", op: "OptionalGetElement", consts: []int{0}, in: ts(opt()), wantErr: graph.ErrInput},
	{name: "a sequence", op: "Identity", in: ts(seq(vec(1))), want: ts(seq(vec(1)))},
}

// TestValuesAreAskedFor: an operator that needs the values of some inputs says so for each of them, and reads no other: it gives the same
// answer where it knows those alone.
func TestValuesAreAskedFor(t *testing.T) {
	asked := 0
	for _, c := range cases {
		if c.wantErr != nil || c.domain == graph.DomainFused {
			continue
		}
		given := c
		given.consts = nil
		got, err := given.run()
		for range c.in {
			var needs *graph.NeedsValue
			if !errors.As(err, &needs) {
				break
			}
			asked++
			given.consts = append(given.consts, needs.Input)
			got, err = given.run()
		}
		if err != nil && errors.Is(err, graph.ErrUnsupported) && !errors.Is(err, graph.ErrNeedsValue) {
			continue // it takes constants only
		}
		if err != nil {
			t.Errorf("%s %s: with the values of inputs %v: %v", c.op, c.name, given.consts, err)
			continue
		}
		for i, want := range c.want {
			if want == nil { // not looked at
				continue
			}
			if d := diff(got[i], want); d != "" && len(given.consts) > 0 {
				t.Errorf("%s %s: output %d with the values of inputs %v: %s", c.op, c.name, i, given.consts, d)
			}
		}
	}
	if asked == 0 {
		t.Error("no operator asked for a value")
	}
}
