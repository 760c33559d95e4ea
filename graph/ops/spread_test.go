package ops_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// random32 are numbers between −1 and 1.
func random32(shape ...int) *tensor.Tensor {
	r, x := rand.New(rand.NewPCG(5, 6)), tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = 2*r.Float32() - 1
	}
	return x
}

// indices of an axis, every third one from its end.
func indices(count, axis int) *tensor.Tensor {
	at := make([]int64, count)
	for i := range at {
		if at[i] = int64(i * 7 % axis); i%3 == 0 {
			at[i] -= int64(axis)
		}
	}
	return i64(at, count)
}

// repeated is t with a new first axis, its elements again and again.
func repeated(t *tensor.Tensor, times int) *tensor.Tensor {
	return &tensor.Tensor{DType: t.DType, Shape: append([]int{times}, t.Shape...), Bytes: bytes.Repeat(t.Bytes, times)}
}

// manyTimes is a case with so many rows that its output is cut over a pool; false where the case is none for it.
func (c *opCase) manyTimes(op *ops.Op) (opCase, bool) {
	big := *c
	big.in = slices.Clone(c.in)
	if !op.Elementwise || c.wantErr != nil || len(c.want) != 1 || c.want[0].Len() == 0 {
		return big, false
	}
	rows, any := 140<<10/len(append(c.want[0].Bytes, 0))+3, false
	for i, t := range c.in {
		if t != nil && t.DType == tensor.String || c.want[0].DType == tensor.String {
			return big, false
		}
		if t != nil && slices.Equal(t.Shape, c.want[0].Shape) && !slices.Contains(c.consts, i) {
			big.in[i], any = repeated(t, rows), true
		}
	}
	big.want = ts(repeated(c.want[0], rows))
	return big, any
}

// TestSpread: operators that are cut over a pool answer what they answer alone, and allocate nothing.
func TestSpread(t *testing.T) {
	pool := kernels.NewPool(3)
	defer pool.Close()
	list := []opCase{
		{name: "rows", op: "Add", in: ts(random32(700, 3, 64), random32(64))},
		{name: "columns", op: "Mul", in: ts(random32(9, 1, 5000), random32(9, 1, 1))},
		{name: "one row", op: "Sub", in: ts(random32(1, 7, 50, 200), random32(7, 1, 200))},
		{name: "crossed", op: "Div", in: ts(random32(300, 1, 3), random32(1, 200, 1))},
		{name: "axis 0", op: "Gather", in: ts(random32(50, 300), indices(900, 50))},
		{name: "axis 1", op: "Gather", attrs: attrs("axis", graph.Int(1)), in: ts(random32(70, 40, 30), indices(77, 40))},
		{op: "GridSample", in: ts(random32(2, 3, 20, 30), random32(2, 50, 60, 2))},
		{name: "cubic volume", op: "GridSample", attrs: attrs("mode", graph.Str("cubic")), in: ts(random32(2, 3, 5, 6, 7), random32(2, 8, 9, 10, 3))},
		{op: "DeformConv", attrs: attrs("offset_group", graph.Int(2)), in: ts(random32(2, 4, 50, 52), random32(5, 4, 3, 3), random32(2, 36, 48, 50), random32(5), random32(2, 18, 48, 50))},
		{op: "RoiAlign", attrs: attrs("output_height", graph.Int(3), "output_width", graph.Int(4)), in: ts(random32(2, 5, 30, 40), random32(9, 4), i64([]int64{0, 1, 1, 0, 1, 0, 0, 1, 1}, 9))},
		{name: "maxima", op: "RoiAlign", attrs: attrs("mode", graph.Str("max"), "spatial_scale", graph.Float32(20)), in: ts(random32(2, 5, 30, 40), random32(3, 4), i64([]int64{0, 1, 1}, 3))},
		{op: "DFT", in: ts(random32(60, 5, 100, 1))},
		{name: "chirp", op: "DFT", attrs: attrs("axis", graph.Int(1)), opset: 17, in: ts(random32(3, 211, 50, 2))},
		{name: "back", op: "DFT", attrs: attrs("inverse", graph.Int(1), "onesided", graph.Int(1)), in: ts(random32(40, 65, 2))},
		{op: "STFT", consts: []int{1}, in: ts(random32(2, 3000, 1), i64([]int64{50}), random32(200))},
	}
	seen := map[string]bool{}
	for _, c := range cases {
		op, _ := ops.Lookup(c.domain, c.op)
		if big, ok := c.manyTimes(op); ok {
			list = append(list, big)
			seen[c.op] = true
		}
	}
	for _, op := range ops.All() {
		if op.Elementwise && !seen[op.Type] {
			t.Errorf("no case of %s can be made large", op.Type)
		}
	}
	for _, c := range list {
		n, args := c.node(), make([]graph.Arg, len(c.in))
		for i, x := range c.in {
			if x != nil {
				args[i] = graph.Arg{DType: x.DType, Shape: x.Shape}
			}
		}
		for _, i := range c.consts {
			args[i].Const = c.in[i]
		}
		op, _ := ops.Lookup(n.Domain, n.Op)
		shapes, err := op.Infer(n, args)
		if err != nil {
			t.Fatalf("%s %s: %v", c.op, c.name, err)
		}
		var got [2]*tensor.Tensor
		for k, p := range []*kernels.Pool{nil, pool} {
			kernel, err := ops.CPU{Pool: p}.Kernel(n, args)
			if err != nil {
				t.Fatalf("%s %s: %v", c.op, c.name, err)
			}
			got[k] = tensor.New(shapes[0].DType, shapes[0].Shape...)
			scratch, out := scratchOf(kernel, args), ts(got[k])
			run := func() {
				if err := kernel.Run(c.in, out, scratch); err != nil {
					t.Errorf("%s %s: %v", c.op, c.name, err)
				}
			}
			run()
			if len(c.want) == 0 && !testkit.Race {
				if allocs := testing.AllocsPerRun(20, run); allocs != 0 {
					t.Errorf("%s %s: %v allocations per run", c.op, c.name, allocs)
				}
			}
		}
		if !bytes.Equal(got[0].Bytes, got[1].Bytes) {
			t.Errorf("%s %s: the pool changes the result", c.op, c.name)
		}
		if len(c.want) > 0 {
			if d := diff(got[1], c.want[0]); d != "" {
				t.Errorf("%s %s: %s", c.op, c.name, d)
			}
		}
	}
}
