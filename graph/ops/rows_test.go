package ops_test

import (
	"slices"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
)

// TestRowRules runs every case whose rule says that rows are independent on all rows and on one row at a time: row i of the output must
// be the same. Values of one row are stacked to two.
func TestRowRules(t *testing.T) {
	held := map[string]bool{}
	for _, c := range cases {
		if c.wantErr != nil {
			continue
		}
		op, err := ops.Find(c.node())
		if err != nil {
			t.Fatal(err)
		}
		if op.Rows == nil || slices.ContainsFunc(c.in, func(x *tensor.Tensor) bool { return x != nil && x.DType.Composite() }) {
			continue
		}
		for subset := 1; subset < 1<<min(len(c.in), 3); subset++ {
			rows, full := stackRows(&c, subset)
			if full == nil {
				continue
			}
			args := make([]graph.Arg, len(full.in))
			for i, x := range full.in {
				if x == nil {
					continue
				}
				args[i] = graph.Arg{DType: x.DType, Shape: x.Shape}
				if slices.Contains(c.consts, i) {
					args[i].Const = x
				}
			}
			out, err := op.Infer(full.node(), args)
			n := full.in[slices.Index(rows, true)].Shape[0]
			if err != nil || !op.Rows(full.node(), args, rows) || slices.ContainsFunc(out, func(a graph.Arg) bool { return len(a.Shape) == 0 || a.Shape[0] != n }) {
				continue // graph/plan looks at the number of rows too
			}
			held[c.op] = true
			want, err := full.run()
			if err != nil {
				t.Fatalf("%s %s: %v", c.op, c.name, err)
			}
			for r := range n {
				one := *full
				one.in = slices.Clone(full.in)
				for i := range one.in {
					if rows[i] {
						one.in[i] = rowOf(full.in[i], r)
					}
				}
				got, err := one.run()
				if err != nil {
					t.Fatalf("%s %s: row %d of %v: %v", c.op, c.name, r, rows, err)
				}
				for i := range got {
					if d := diff(got[i], rowOf(want[i], r)); d != "" {
						t.Errorf("%s %s: rows %v: output %d of row %d: %s", c.op, c.name, rows, i, r, d)
					}
				}
			}
		}
	}
	if len(held) < 60 {
		t.Errorf("the rule held for %d operators only: %v", len(held), held)
	}
}

// stackRows lets the inputs of subset carry rows; nil where they cannot.
func stackRows(c *opCase, subset int) ([]bool, *opCase) {
	rows, full := make([]bool, len(c.in)), *c
	full.in = slices.Clone(c.in)
	n := 0
	for i, x := range c.in {
		if subset>>i&1 == 0 {
			continue
		}
		if x == nil || slices.Contains(c.consts, i) || len(x.Shape) == 0 || x.Shape[0] == 0 || n > 0 && x.Shape[0] != n {
			return nil, nil
		}
		rows[i], n = true, x.Shape[0]
		if n == 1 {
			full.in[i] = &tensor.Tensor{DType: x.DType, Shape: append([]int{2}, x.Shape[1:]...), Bytes: slices.Concat(x.Bytes, x.Bytes), Strings: slices.Concat(x.Strings, x.Strings)}
		}
	}
	if subset >= 1<<len(c.in) {
		return nil, nil
	}
	return rows, &full
}

func rowOf(x *tensor.Tensor, r int) *tensor.Tensor {
	y := tensor.New(x.DType, append([]int{1}, x.Shape[1:]...)...)
	n := x.Shape[0]
	copy(y.Bytes, x.Bytes[r*len(x.Bytes)/n:(r+1)*len(x.Bytes)/n])
	copy(y.Strings, x.Strings[r*len(x.Strings)/n:(r+1)*len(x.Strings)/n])
	copy(y.Items, x.Items[r*len(x.Items)/n:(r+1)*len(x.Items)/n])
	return y
}
