package ops

import (
	"math"
	"unsafe"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// resizeWeighted is linear and cubic resizing: one pass per axis that changes, the last axis first.
type resizeWeighted struct {
	node *graph.Node
	*resizeConfig
}

// resizeStart computes the axes for the inputs of a run without allocating.
func resizeStart(n *graph.Node, r *resizeConfig, axes *[kernels.MaxAxes]resizeAxis, in []*tensor.Tensor) ([]resizeAxis, error) {
	used, err := resizeShape(n, r, axes, in[0].Shape)
	if err != nil || !r.hasROI {
		return used, err
	}
	if v, ok := r.region(used, in[1]); !ok {
		return nil, inputErr(n.String(), "a region that starts or ends at %g times the size", v)
	}
	return used, nil
}

// resizeShape is resizeStart without the region, which no size depends on.
func resizeShape(n *graph.Node, r *resizeConfig, axes *[kernels.MaxAxes]resizeAxis, shape []int) ([]resizeAxis, error) {
	if len(shape) > len(axes) {
		return nil, unsupported(n, "%d axes, expected at most %d", len(shape), len(axes))
	}
	used := axes[:len(shape)]
	return used, r.axes(n, used, shape)
}

// first is the axis of the last pass, as many as there are axes where there is none.
func (k resizeWeighted) first(axes []resizeAxis) int {
	for i := range axes {
		if axes[i].moves(k.resizeConfig) {
			return i
		}
	}
	return len(axes)
}

// layout is the scratch memory in bytes: the tables of a pass, then what is between passes, in elements of this size, twice.
func (k resizeWeighted) layout(axes []resizeAxis, element int) (tables, values int) {
	size := 1
	for _, a := range axes {
		size = multiplied(size, a.in)
	}
	for i := len(axes) - 1; i >= 0; i-- {
		a := &axes[i]
		if a.moves(k.resizeConfig) && a.in > 0 {
			size = multiplied(size/a.in, a.out)
			tables, values = max(tables, multiplied(12*a.taps(k.resizeConfig), a.out)), max(values, multiplied(element, size))
		}
	}
	return (tables + 63) &^ 63, (values + 63) &^ 63
}

// multiplied is a·b, or more than any limit where that overflows.
func multiplied(a, b int) int {
	if b > 0 && a > math.MaxInt/16/b {
		return math.MaxInt / 16
	}
	return a * b
}

// ScratchBytes implements graph.ScratchKernel.
func (k resizeWeighted) ScratchBytes(args []graph.Arg) int {
	var space [kernels.MaxAxes]resizeAxis
	axes, err := resizeShape(k.node, k.resizeConfig, &space, args[0].Shape)
	if err != nil {
		return 0 // the plan has inferred this shape before
	}
	tables, values := k.layout(axes, 4)
	return tables + 2*values
}

// Run implements graph.Kernel.
func (k resizeWeighted) Run(in, out []*tensor.Tensor, scratch []byte) error {
	var space [kernels.MaxAxes]resizeAxis
	axes, err := resizeStart(k.node, k.resizeConfig, &space, in)
	if err != nil {
		return err
	}
	x, dst := tensor.Data[float32](in[0]), tensor.Data[float32](out[0])
	if len(dst) == 0 {
		return nil
	}
	tables, values := k.layout(axes, 4)
	first := k.first(axes)
	if first == len(axes) {
		copy(dst, x)
		return nil
	}
	free, other := scratch[tables:tables+values], scratch[tables+values:]
	for i := len(axes) - 1; i >= first; i-- {
		if !axes[i].moves(k.resizeConfig) {
			continue
		}
		outer, inner := sizesAround(axes, i)
		to := dst
		if i > first {
			to = floats(free[:4*outer*axes[i].out*inner])
			free, other = other, free
		}
		k.pass(&axes[i], to, x, outer, inner, scratch[:tables])
		x = to
	}
	if k.coordinates == "tf_crop_and_resize" {
		extrapolate(k.resizeConfig, axes, dst, k.fill)
	}
	return nil
}

// sizesAround is the sizes of the axes before and behind i when its pass is next: the last axis is the first.
func sizesAround(axes []resizeAxis, i int) (outer, inner int) {
	outer, inner = 1, 1
	for _, a := range axes[:i] {
		outer *= a.in
	}
	for _, a := range axes[i+1:] {
		inner *= a.out
	}
	return outer, inner
}

// pass resizes the middle axis of x [outer × in × inner].
func (k resizeWeighted) pass(a *resizeAxis, dst, x []float32, outer, inner int, tables []byte) {
	taps := a.taps(k.resizeConfig)
	n := taps * a.out
	w := floats(tables[8*n : 12*n])
	if inner == 1 {
		at := words[int32](tables[:4*n])
		for o := range a.out {
			a.weights(k.resizeConfig, o, func(t, from int, v float32) { at[t*a.out+o], w[t*a.out+o] = int32(from), v })
		}
		for r := range outer {
			kernels.WeightedTapsF32(dst[r*a.out:(r+1)*a.out], x[r*a.in:(r+1)*a.in], w, at, taps)
		}
		return
	}
	at := words[int64](tables[:8*n])
	for o := range a.out {
		a.weights(k.resizeConfig, o, func(t, from int, v float32) { at[o*taps+t], w[o*taps+t] = int64(from*inner), v })
	}
	for r := range outer {
		for o := range a.out {
			to := (r*a.out + o) * inner
			kernels.WeightedRowsF32(dst[to:to+inner], x[r*a.in*inner:(r+1)*a.in*inner], w[o*taps:(o+1)*taps], at[o*taps:(o+1)*taps])
		}
	}
}

// extrapolate fills what lies outside of the input.
func extrapolate[T float32 | float64](r *resizeConfig, axes []resizeAxis, dst []T, fill T) {
	inner := 1
	for i := len(axes) - 1; i >= 0; i-- {
		a := &axes[i]
		for o := range a.out {
			if !a.outside(r, o) {
				continue
			}
			for at := o * inner; at < len(dst); at += a.out * inner {
				for j := range inner {
					dst[at+j] = fill
				}
			}
		}
		inner *= a.out
	}
}

// resizeNearest copies elements of the size of T.
type resizeNearest[T unsigned] struct {
	node *graph.Node
	*resizeConfig
}

// ScratchBytes implements graph.ScratchKernel: a table of positions for every axis.
func (k resizeNearest[T]) ScratchBytes(args []graph.Arg) int {
	var space [kernels.MaxAxes]resizeAxis
	axes, err := resizeShape(k.node, k.resizeConfig, &space, args[0].Shape)
	if err != nil {
		return 0
	}
	total := 0
	for _, a := range axes {
		total += 8 * a.out
	}
	return total
}

// Run implements graph.Kernel.
func (k resizeNearest[T]) Run(in, out []*tensor.Tensor, scratch []byte) error {
	var space [kernels.MaxAxes]resizeAxis
	axes, err := resizeStart(k.node, k.resizeConfig, &space, in)
	if err != nil {
		return err
	}
	x, dst := words[T](in[0].Bytes), words[T](out[0].Bytes)
	if len(dst) == 0 {
		return nil
	}
	if len(axes) == 0 {
		copy(dst, x)
		return nil
	}
	// The position that each output of an axis adds, −1 outside of the input.
	positions := words[int64](scratch)
	start, step := len(positions), 1
	for i := len(axes) - 1; i >= 0; i-- {
		a := &axes[i]
		start -= a.out
		for o := range a.out {
			switch {
			case a.outside(k.resizeConfig, o):
				positions[start+o] = -1
			case a.moves(k.resizeConfig):
				positions[start+o] = int64(a.nearest(k.resizeConfig, o) * step)
			default:
				positions[start+o] = int64(o * step)
			}
		}
		step *= a.in
	}
	last := axes[len(axes)-1].out
	columns := positions[len(positions)-last:]
	how := readColumns(columns)
	before := int64(math.MinInt64) // where the row above comes from
	for at := 0; at < len(dst); at += last {
		base, r, start := int64(0), at/last, len(positions)-last
		for i := len(axes) - 2; i >= 0 && base >= 0; i-- {
			start -= axes[i].out
			p := positions[start+r%axes[i].out]
			r /= axes[i].out
			if base += p; p < 0 {
				base = -1
			}
		}
		row := dst[at : at+last]
		switch {
		case base == before:
			copy(row, dst[at-last:at])
		case base < 0:
			for i := range row {
				row[i] = k.filler()
			}
		case how.outside:
			for i, c := range columns {
				if c < 0 {
					row[i] = k.filler()
				} else {
					row[i] = x[base+c]
				}
			}
		case how.factor == 1:
			copy(row, x[base+columns[0]:])
		case how.factor == 2:
			for i, v := range x[base+columns[0]:][:last/2] {
				pair := (*[2]T)(row[2*i:])
				pair[0], pair[1] = v, v
			}
		default:
			for i, c := range columns {
				row[i] = x[base+c]
			}
		}
		before = base
	}
	return nil
}

// columnTable says of the positions of a row whether some are outside of the input, and else, if each stands factor times and the next one
// follows, that factor.
type columnTable struct {
	outside bool
	factor  int
}

func readColumns(columns []int64) columnTable {
	factor := 0
	for factor < len(columns) && columns[factor] == columns[0] {
		factor++
	}
	t := columnTable{factor: factor}
	for i, c := range columns {
		t.outside = t.outside || c < 0
		if c != columns[0]+int64(i/factor) {
			t.factor = 0
		}
	}
	if len(columns)%factor != 0 {
		t.factor = 0
	}
	return t
}

// filler is the extrapolation value of a 4-byte float; other dtypes have 0.
func (k resizeNearest[T]) filler() (v T) {
	if unsafe.Sizeof(v) == 4 {
		return T(math.Float32bits(k.fill))
	}
	return 0
}
