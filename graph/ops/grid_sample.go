package ops

import (
	"math"
	"slices"
	"sync"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opGridSample reads an input [batch × channels × 1 to 3 axes] at the positions of a grid [batch × … × axes] (Jaderberg et al., "Spatial
// transformer networks", 2015). Positions run from −1 to 1 along every axis, the last axis of the input first.
var opGridSample = viaFloat32(&Op{
	Name: "grid_sample", Type: "GridSample", Since: 16, MinInputs: 2,
	Rows: func(_ *graph.Node, _ []graph.Arg, rows []bool) bool { return rows[0] && rows[1] },
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Float32, tensor.Float64); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 1, in[0].DType); err != nil {
			return nil, err
		}
		x, grid := in[0].Shape, in[1].Shape
		axes := len(x) - 2
		if axes < 1 || axes > maxGridAxes {
			return nil, unsupported(n, "input %v, expected 1 to %d axes behind batch and channels", x, maxGridAxes)
		}
		if len(grid) != len(x) || grid[0] != x[0] || grid[axes+1] != axes {
			return nil, modelErr(n, "a grid of shape %v for an input of shape %v", grid, x)
		}
		if _, err := gridConfigOf(n); err != nil {
			return nil, err
		}
		if err := tapPlane(n, x[2:]); err != nil {
			return nil, err
		}
		shape := append([]int{x[0], x[1]}, grid[1:axes+1]...)
		size, ok := tensor.Elements(shape)
		if !ok {
			return nil, modelErr(n, "a result of shape %v", shape)
		}
		if slices.Contains(x[2:], 0) && size > 0 {
			return nil, modelErr(n, "input %v has nothing to sample", x)
		}
		return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		c, err := gridConfigOf(n)
		if err != nil {
			return nil, err
		}
		if in[0].DType == tensor.Float64 {
			return newGridSample(c, &weightedF64, pool), nil
		}
		return newGridSample(c, &weightedF32, pool), nil
	},
})

// maxGridAxes is the number of axes of volumes.
const maxGridAxes = 3

type gridConfig struct {
	mode, padding string
	perAxis       int // taps
	align         bool
}

func gridConfigOf(n *graph.Node) (c gridConfig, err error) {
	def := "linear"
	if n.Opset > 0 && n.Opset < 20 {
		def = "bilinear"
	}
	if c.mode, err = n.StringAttr("mode", def); err != nil {
		return c, err
	}
	switch c.mode {
	case "linear", "bilinear":
		c.mode, c.perAxis = "linear", 2
	case "cubic", "bicubic":
		c.mode, c.perAxis = "cubic", 4
	case "nearest":
		c.perAxis = 1
	default:
		return c, modelErr(n, "attribute \"mode\" is %q, expected linear, nearest or cubic", c.mode)
	}
	if c.padding, err = n.StringAttr("padding_mode", "zeros"); err != nil {
		return c, err
	}
	if c.padding != "zeros" && c.padding != "border" && c.padding != "reflection" {
		return c, modelErr(n, "attribute \"padding_mode\" is %q, expected zeros, border or reflection", c.padding)
	}
	align, err := n.IntAttr("align_corners", 0)
	c.align = align != 0
	return c, err
}

type gridSample[T float32 | float64] struct {
	gridConfig
	sum  *weightedSum[T]
	pool *kernels.Pool
	jobs sync.Pool
}

func newGridSample[T float32 | float64](c gridConfig, sum *weightedSum[T], pool *kernels.Pool) *gridSample[T] {
	return &gridSample[T]{gridConfig: c, sum: sum, pool: pool, jobs: sync.Pool{New: func() any { return new(gridJob[T]) }}}
}

// gridJob is one run. A chunk is a block of points of an image.
type gridJob[T float32 | float64] struct {
	*gridSample[T]
	x, grid, dst  []T
	shape         []int // of x
	plane, points int   // elements of one channel of x and of dst
	taps, block   int   // of a point; points that a table has room for
}

// gridTaps is what a coordinate reads along one axis: elements at, outside where negative, times weights w.
type gridTaps[T float32 | float64] struct {
	at [4]int
	w  [4]T
}

// Run implements graph.Kernel. The products of a point are added in the order of memory.
func (k *gridSample[T]) Run(in, out []*tensor.Tensor, _ []byte) error {
	x, grid, dst, shape := tensor.Data[T](in[0]), tensor.Data[T](in[1]), tensor.Data[T](out[0]), in[0].Shape
	if len(dst) == 0 {
		return nil
	}
	planes, taps := shape[0]*shape[1], 1
	for range shape[2:] {
		taps *= k.perAxis
	}
	j := k.jobs.Get().(*gridJob[T])
	*j = gridJob[T]{k, x, grid, dst, shape, len(x) / planes, len(dst) / planes, taps, tableTaps / taps}
	k.pool.Run(shape[0]*j.blocks(), j)
	*j = gridJob[T]{}
	k.jobs.Put(j)
	return nil
}

func (j *gridJob[T]) blocks() int { return (j.points + j.block - 1) / j.block }

// Chunk samples all channels of a block.
func (j *gridJob[T]) Chunk(i int) {
	n, first := i/j.blocks(), i%j.blocks()*j.block
	axes, channels, table := len(j.shape)-2, j.shape[1], j.sum.tables.Get().(*tapTable[T])
	table.start(min(j.block, j.points-first), j.taps)
	for p := range table.points {
		j.point(table, p, j.grid[(n*j.points+first+p)*axes:][:axes], j.shape[2:])
	}
	for c := range channels {
		table.sample(j.dst[(n*channels+c)*j.points+first:], j.x[(n*channels+c)*j.plane:][:j.plane], j.sum)
	}
	j.sum.tables.Put(table)
}

// point enters all combinations of the taps along the axes, the last axis fastest.
func (k *gridSample[T]) point(table *tapTable[T], p int, position []T, shape []int) {
	var taps [maxGridAxes]gridTaps[T] // the last ones count; axes that are missing have element 0 alone
	var count, size [maxGridAxes]int
	for i := range taps {
		axis := i - maxGridAxes + len(shape)
		if axis < 0 {
			count[i], size[i], taps[i].w[0] = 1, 1, 1
			continue
		}
		count[i], size[i] = k.perAxis, shape[axis]
		k.axisTaps(&taps[i], position[len(shape)-1-axis], size[i])
	}
	tap := 0
	z, y, x := &taps[0], &taps[1], &taps[2]
	for i, wz := range z.w[:count[0]] {
		for j, wy := range y.w[:count[1]] {
			row, w, inside := (z.at[i]*size[1]+y.at[j])*size[2], T(wz*wy), z.at[i] >= 0 && y.at[j] >= 0
			for l, wx := range x.w[:count[2]] {
				at := row + x.at[l]
				if !inside || x.at[l] < 0 {
					at = -1
				}
				table.set(p, tap, at, w*wx)
				tap++
			}
		}
	}
}

// axisTaps works out what position v, from −1 to 1, reads of an axis of d elements.
func (k *gridSample[T]) axisTaps(t *gridTaps[T], v T, d int) {
	size := T(d)
	low, high := T(-0.5), size-0.5
	x := (T((v+1)*size) - 1) / 2
	if k.align {
		low, high = 0, size-1
		x = (v + 1) / 2 * (size - 1)
	}
	if k.mode == "nearest" {
		x = T(math.RoundToEven(float64(x)))
	}
	if k.padding == "reflection" && (x < low || x > high) {
		x = reflected(x, low, high)
	}
	// What is no number or further out than a tap reaches lies outside all the same.
	if !(x >= -4) {
		x = -4
	}
	x = min(x, size+4)
	floor := int(math.Floor(float64(x)))
	s := x - T(floor)
	switch k.mode {
	case "nearest":
		t.at[0], t.w[0] = floor, 1
	case "linear":
		t.at[0], t.at[1] = floor, floor+1
		t.w[0], t.w[1] = 1-s, s
	default:
		for i := range 4 {
			t.at[i] = floor - 1 + i
		}
		t.w[0], t.w[1], t.w[2], t.w[3] = keysFar(1+s), keysNear(s), keysNear(1-s), keysFar(2-s)
	}
	for i, at := range t.at[:k.perAxis] {
		if at >= 0 && at < d {
			continue
		}
		switch k.padding {
		case "zeros":
			t.at[i] = -1
		case "border":
			t.at[i] = min(max(at, 0), d-1)
		default:
			t.at[i] = min(max(int(reflected(T(at), low, high)), 0), d-1)
		}
	}
}

// reflected mirrors x at low and high until it lies between them.
func reflected[T float32 | float64](x, low, high T) T {
	span := high - low
	if !(span > 0) {
		return low
	}
	start, back := low, high
	distance := low - x
	if x > high {
		start, back, distance = high, low, x-high
	}
	if !(distance <= math.MaxInt32) {
		return low // so far out that a float has no fractions left, or no number
	}
	turns := math.Floor(float64(distance / span))
	rest := distance - T(T(turns)*span)
	if int64(turns)%2 == 1 {
		start, back = back, start
	}
	if start < back {
		return start + rest
	}
	return start - rest
}

// keysNear and keysFar are the cubic kernel of Keys (1981) with a = −0.75 at distances below 1 and from 1 to 2.
func keysNear[T float32 | float64](d T) T { return T(T((T(1.25*d)-2.25)*d)*d) + 1 }

func keysFar[T float32 | float64](d T) T {
	return T((T((T(-0.75*d)+3.75)*d)-6)*d) + 3
}
