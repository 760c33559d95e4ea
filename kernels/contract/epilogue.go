//go:build unix

package contract

import (
	"fmt"
	"slices"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// activations are the separate operators that the epilogue's activations must agree with.
var activations = map[kernels.Activation]func(x []float32, alpha, beta float32){
	kernels.ActNone:        func([]float32, float32, float32) {},
	kernels.ActRelu:        func(x []float32, _, _ float32) { kernels.ReluF32(x, x) },
	kernels.ActSigmoid:     func(x []float32, _, _ float32) { kernels.SigmoidF32(x, x) },
	kernels.ActTanh:        func(x []float32, _, _ float32) { kernels.TanhF32(x, x) },
	kernels.ActGelu:        func(x []float32, _, _ float32) { kernels.GeluF32(x, x) },
	kernels.ActGeluTanh:    func(x []float32, _, _ float32) { kernels.GeluTanhF32(x, x) },
	kernels.ActSilu:        func(x []float32, _, _ float32) { kernels.SiluF32(x, x) },
	kernels.ActHardSwish:   func(x []float32, _, _ float32) { kernels.HardSwishF32(x, x) },
	kernels.ActSoftplus:    func(x []float32, _, _ float32) { kernels.SoftplusF32(x, x) },
	kernels.ActClip:        inPlace(kernels.ClipF32),
	kernels.ActHardSigmoid: inPlace(kernels.HardSigmoidF32),
	kernels.ActLeakyRelu:   func(x []float32, alpha, _ float32) { kernels.LeakyReluF32(x, x, alpha) },
	kernels.ActElu:         func(x []float32, alpha, _ float32) { kernels.EluF32(x, x, alpha) },
}

func inPlace(f func(dst, x []float32, alpha, beta float32)) func(x []float32, alpha, beta float32) {
	return func(x []float32, alpha, beta float32) { f(x, x, alpha, beta) }
}

// residuals are the forms of Epilogue.Residual: none, whole, one row, one column, one element; with gaps between the rows.
var residuals = []struct {
	name          string
	rows, columns bool
	gap           int
}{{name: "none"}, {"whole", true, true, 0}, {"gaps", true, true, 3}, {"row", false, true, 0}, {"column", true, false, 1}, {"scalar", false, false, 0}}

// residual makes a residual for an m×n result in guarded memory and puts it into e.
func (c *checker) residual(e *kernels.Epilogue, kind, m, n int, atStart bool) {
	r := residuals[kind]
	if kind == 0 {
		return
	}
	rows, cols := 1, 1
	if r.rows {
		rows = m
	}
	if r.columns {
		cols, e.ResidualCol = n, 1
	}
	if r.rows {
		e.ResidualRow = cols + r.gap
	}
	e.Residual = buffer[float32](c, "residual", lengthOf(rows, cols, e.ResidualRow), atStart)
	c.fillF32(e.Residual, 1, true)
}

// finish is the definition of Epilogue: the separate operators, one element after the other.
func finish(e *kernels.Epilogue, m, n int, out []float32, ldc int) {
	for i := range m {
		for j := range n {
			x := out[i*ldc+j : i*ldc+j+1]
			if e.Residual != nil {
				x[0] += e.Residual[i*e.ResidualRow+j*e.ResidualCol]
			}
			activations[e.Act](x, e.Alpha, e.Beta)
		}
	}
}

// checkEpilogue compares products that end in each activation and form of residual with the separate operators.
func checkEpilogue(c *checker) {
	if len(activations) != kernels.Activations {
		c.t.Fatalf("%d activations are checked, there are %d", len(activations), kernels.Activations)
	}
	sizes := []size{{1, 1, 3}, {1, 40, 5}, {3, 16, 7}, {2, 17, 257}, {5, 33, 4}, {0, 8, 2}, {3, 5, 0}, {20, 1, 6}, {16, 1, 260}, {16, 33, 2}, {4, 2, 2}}
	i := 0
	for act := range kernels.Activation(kernels.Activations) {
		for kind := range residuals {
			s := sizes[i%len(sizes)]
			e := &kernels.Epilogue{Act: act, Alpha: -0.25, Beta: 0.5}
			atStart, ldc := i%2 == 0, s.n
			if i%3 == 0 {
				ldc += 2
			}
			c.name = fmt.Sprintf("activation %d, residual %s, m=%d n=%d k=%d", act, residuals[kind].name, s.m, s.n, s.k)
			c.residual(e, kind, s.m, s.n, atStart)
			a, b, bias := make([]float32, s.m*s.k), make([]float32, s.k*s.n), make([]float32, s.n)
			c.fillF32(a, 1, i%4 == 3)
			c.fillF32(b, 1, false)
			c.fillF32(bias, 1, false)
			packed, got := pack(s, b, false), buffer[float32](c, "c", lengthOf(s.m, s.n, ldc), atStart)
			for j := range got {
				got[j] = testkit.Canary
			}
			want := slices.Clone(got)
			product(s, a, s.k, b, want, ldc, bias, kernels.ActNone)
			finish(e, s.m, s.n, want, ldc)
			c.run(func() { kernels.GemmF32(nil, s.m, a, s.k, packed, got, ldc, bias, e) })
			testkit.EqualF32(c.t, c.name, got, want)
			i++
		}
	}
}
