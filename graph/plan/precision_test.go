package plan_test

import (
	"errors"
	"math"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/passes"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// TestPrecision: the fast mode is there by name only, differs from f32 by no more than bf16 explains, and its bits depend on neither
// batch nor threads.
func TestPrecision(t *testing.T) {
	if _, err := plan.Compile(mlp(), plan.Options{Precision: "f16"}); !errors.Is(err, graph.ErrUnsupported) {
		t.Fatalf("precision f16: %v", err)
	}
	pool := kernels.NewPool(2)
	defer pool.Close()
	exact, fast := compile(t, mlp(), plan.Options{}), compile(t, mlp(), plan.Options{Precision: passes.BF16, Pool: pool})
	if exact.Precision() != "" || fast.Precision() != passes.BF16 {
		t.Errorf("precisions are %q and %q", exact.Precision(), fast.Precision())
	}
	steps, _, err := fast.Describe(fast.NewInputs(1))
	if err != nil || steps[0].Op != "gemm_bf16" || steps[0].FLOPs == 0 {
		t.Errorf("the first step is %+v (%v)", steps[0], err)
	}
	const rows = 70
	in, want, got := fast.NewInputs(rows), exact.NewOutputs(), fast.NewOutputs()
	fill(in, 3)
	for _, p := range []struct {
		*plan.Plan
		out []*tensor.Tensor
	}{{exact, want}, {fast, got}} {
		if err := p.Run(in, p.out); err != nil {
			t.Fatal(err)
		}
	}
	differ, apart := 0, 0.0
	for i, v := range tensor.Data[float32](got[0]) {
		w := tensor.Data[float32](want[0])[i]
		apart += math.Abs(float64(v-w)) / rows
		if v != w {
			differ++
		}
	}
	if apart > 0.03 {
		t.Errorf("rows are %v apart in the mean", apart)
	}
	if differ == 0 {
		t.Error("no row differs from f32: was anything rounded?")
	}
	alone := compile(t, mlp(), plan.Options{Precision: passes.BF16})
	one, out := alone.NewInputs(1), alone.NewOutputs()
	for r := range rows {
		copy(tensor.Data[float32](one[0]), tensor.Data[float32](in[0])[r*100:])
		if err := alone.Run(one, out); err != nil {
			t.Fatal(err)
		}
		testkit.EqualF32(t, "row", tensor.Data[float32](out[0]), tensor.Data[float32](got[0])[r:r+1])
	}
}
