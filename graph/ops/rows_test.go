package ops_test

import (
	"slices"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// TestRowRules runs every case whose rule says that rows are independent on all rows and on one row at a time: row i of the output must
// be the same. Values of one row are stacked to two. Rows lie along every combination of axes.
func TestRowRules(t *testing.T) {
	held, beyond := map[string]bool{}, map[string]bool{}
	for _, c := range cases {
		if c.wantErr != nil {
			continue
		}
		op, err := ops.Find(c.node())
		if err != nil {
			t.Fatal(err)
		}
		if op.Rows == nil && op.RowAxes == nil || slices.ContainsFunc(c.in, func(x *tensor.Tensor) bool { return x != nil && x.DType.Composite() }) {
			continue
		}
		for _, axes := range axesOfRows(&c) {
			full := stackRows(&c, axes)
			if full == nil {
				continue
			}
			args := make([]graph.Arg, len(full.in))
			n := 0
			for i, x := range full.in {
				if x == nil {
					continue
				}
				args[i] = graph.Arg{DType: x.DType, Shape: x.Shape}
				if slices.Contains(c.consts, i) {
					args[i].Const = x
				}
				if axes[i] >= 0 {
					n = x.Shape[axes[i]]
				}
			}
			out, err := op.Infer(full.node(), args)
			if err != nil {
				continue
			}
			to := rowsOf(op, full.node(), args, out, axes)
			if to == nil {
				continue
			}
			at := func(i int) int { return to[min(i, len(to)-1)] }
			lost := false
			for i, o := range out {
				lost = lost || at(i) < 0 || at(i) >= len(o.Shape) || o.Shape[at(i)] != n
			}
			if lost {
				continue // graph/plan looks at the number of rows too
			}
			held[c.op] = true
			beyond[c.op] = beyond[c.op] || max(slices.Max(axes), slices.Max(to)) > 0
			want, err := full.run()
			if err != nil {
				t.Fatalf("%s %s: %v", c.op, c.name, err)
			}
			for r := range n {
				one := *full
				one.in = slices.Clone(full.in)
				for i := range one.in {
					if axes[i] >= 0 {
						one.in[i] = rowOf(full.in[i], axes[i], r)
					}
				}
				got, err := one.run()
				if err != nil {
					t.Fatalf("%s %s: row %d of %v: %v", c.op, c.name, r, axes, err)
				}
				for i := range got {
					if d := diff(got[i], rowOf(want[i], at(i), r)); d != "" {
						t.Errorf("%s %s: rows %v: output %d of row %d: %s", c.op, c.name, axes, i, r, d)
					}
				}
			}
		}
	}
	if len(held) < 60 {
		t.Errorf("the rule held for %d operators only: %v", len(held), held)
	}
	for _, op := range []string{"Add", "Cast", "Concat", "Gather", "LSTM", "MatMul", "ReduceSum", "Reshape", "Slice", "Softmax", "Split", "Transpose", "Unsqueeze"} {
		if !beyond[op] {
			t.Errorf("no case of %s has rows along another axis than the first", op)
		}
	}
}

// rowsOf applies the rule that an operator has.
func rowsOf(op *ops.Op, n *graph.Node, in, out []graph.Arg, axes []int) []int {
	if op.RowAxes != nil {
		return op.RowAxes(n, in, out, axes)
	}
	rows := make([]bool, len(axes))
	for i, axis := range axes {
		if rows[i] = axis == 0; axis > 0 {
			return nil
		}
	}
	if !op.Rows(n, in, rows) {
		return nil
	}
	return []int{0}
}

// axesOfRows lists where rows may lie: any axis of the first six inputs, of some of them, or of one alone.
func axesOfRows(c *opCase) (list [][]int) {
	axes := slices.Repeat([]int{graph.NoRows}, len(c.in))
	var choose func(i int)
	choose = func(i int) {
		if i == min(len(c.in), 6) || len(list) > 500 {
			if slices.Max(append(axes, graph.NoRows)) >= 0 {
				list = append(list, slices.Clone(axes))
			}
			return
		}
		choose(i + 1)
		if x := c.in[i]; x != nil && !slices.Contains(c.consts, i) {
			for axis := range min(len(x.Shape), 4) {
				axes[i] = axis
				choose(i + 1)
			}
			axes[i] = graph.NoRows
		}
	}
	choose(0)
	return list
}

// stackRows lets inputs carry rows along axes; nil where they cannot.
func stackRows(c *opCase, axes []int) *opCase {
	full := *c
	full.in = slices.Clone(c.in)
	n := 0
	for i, axis := range axes {
		if axis < 0 {
			continue
		}
		x := c.in[i]
		d := x.Shape[axis]
		if d == 0 || n > 0 && d != n {
			return nil
		}
		if n = d; d == 1 {
			full.in[i] = doubled(x, axis)
		}
	}
	return &full
}

// doubled stacks a value of one row along an axis.
func doubled(x *tensor.Tensor, axis int) *tensor.Tensor {
	shape := slices.Clone(x.Shape)
	shape[axis] = 2
	y := &tensor.Tensor{DType: x.DType, Shape: shape}
	before := 1
	for _, d := range shape[:axis] {
		before *= d
	}
	for i := range before {
		step := len(x.Bytes) / before
		part := x.Bytes[i*step : (i+1)*step]
		y.Bytes = append(append(y.Bytes, part...), part...)
		texts := x.Strings[i*len(x.Strings)/before : (i+1)*len(x.Strings)/before]
		y.Strings = append(append(y.Strings, texts...), texts...)
	}
	return y
}

// rowOf cuts row r along an axis out.
func rowOf(x *tensor.Tensor, axis, r int) *tensor.Tensor {
	shape := slices.Clone(x.Shape)
	n := shape[axis]
	shape[axis] = 1
	y := tensor.New(x.DType, shape...)
	before := 1
	for _, d := range shape[:axis] {
		before *= d
	}
	for i := range before {
		step := len(x.Bytes) / before / n
		copy(y.Bytes[i*step:], x.Bytes[(i*n+r)*step:][:step])
		texts := len(x.Strings) / before / n
		copy(y.Strings[i*texts:], x.Strings[(i*n+r)*texts:][:texts])
	}
	if axis == 0 { // items of composite outputs: one each
		copy(y.Items, x.Items[r*len(x.Items)/n:(r+1)*len(x.Items)/n])
	}
	return y
}
