package ops

import (
	"math"
	"slices"

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
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		c, err := gridConfigOf(n)
		if err != nil {
			return nil, err
		}
		if in[0].DType == tensor.Float64 {
			return gridSample[float64]{c}, nil
		}
		return gridSample[float32]{c}, nil
	},
})

// maxGridAxes is the number of axes of volumes.
const maxGridAxes = 3

type gridConfig struct {
	mode, padding string
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
	case "bilinear":
		c.mode = "linear"
	case "bicubic":
		c.mode = "cubic"
	case "linear", "cubic", "nearest":
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

type gridSample[T float32 | float64] struct{ gridConfig }

// gridTaps is what a coordinate reads along one axis: elements at, outside where negative, times weights w.
type gridTaps[T float32 | float64] struct {
	at [4]int
	w  [4]T
	n  int
}

// Run implements graph.Kernel. The taps of a point serve all channels; their products are added in the order of memory.
func (k gridSample[T]) Run(in, out []*tensor.Tensor, _ []byte) error {
	x, grid, dst, shape := tensor.Data[T](in[0]), tensor.Data[T](in[1]), tensor.Data[T](out[0]), in[0].Shape
	if len(dst) == 0 {
		return nil
	}
	axes, channels := len(shape)-2, shape[1]
	plane := len(x) / (shape[0] * channels)
	points := len(dst) / (shape[0] * channels)
	var taps [maxGridAxes]gridTaps[T]
	var offsets [64]int
	var weights [64]T
	for p := range shape[0] * points {
		position := grid[p*axes : (p+1)*axes]
		for i := range axes {
			k.taps(&taps[i], position[axes-1-i], shape[2+i])
		}
		// All combinations of taps, the last axis fastest.
		count := 1
		offsets[0], weights[0] = 0, 1
		for i := range axes {
			t := &taps[i]
			for j := count - 1; j >= 0; j-- {
				offset, weight := offsets[j], weights[j]
				for l := t.n - 1; l >= 0; l-- {
					if offset < 0 || t.at[l] < 0 {
						offsets[j*t.n+l] = -1
					} else {
						offsets[j*t.n+l] = offset*shape[2+i] + t.at[l]
					}
					weights[j*t.n+l] = weight * t.w[l]
				}
			}
			count *= t.n
		}
		n := p / points
		at := n*channels*points + p%points
		for c := range channels {
			src := x[(n*channels+c)*plane:][:plane]
			var sum T
			for j, offset := range offsets[:count] {
				if offset >= 0 {
					sum += T(weights[j] * src[offset])
				}
			}
			dst[at+c*points] = sum
		}
	}
	return nil
}

// taps works out what position v, from −1 to 1, reads of an axis of d elements.
func (k gridSample[T]) taps(t *gridTaps[T], v T, d int) {
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
		t.n, t.at[0], t.w[0] = 1, floor, 1
	case "linear":
		t.n, t.at[0], t.at[1] = 2, floor, floor+1
		t.w[0], t.w[1] = 1-s, s
	default:
		t.n = 4
		for i := range 4 {
			t.at[i] = floor - 1 + i
		}
		t.w[0], t.w[1], t.w[2], t.w[3] = keysFar(1+s), keysNear(s), keysNear(1-s), keysFar(2-s)
	}
	for i, at := range t.at[:t.n] {
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

// opAffineGrid is the grid of GridSample that affine matrices theta [batch × 2 × 3] or [batch × 3 × 4] make of evenly spaced positions,
// for an output of the size in input 1: batch, channels and axes.
var opAffineGrid = viaFloat32(&Op{
	Name: "affine_grid", Type: "AffineGrid", Since: 20, MinInputs: 2,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, tensor.Float32, tensor.Float64); err != nil {
			return nil, err
		}
		if in[1].DType != tensor.Int64 {
			return nil, modelErr(n, "input 1 is %s, expected int64", in[1].DType)
		}
		if _, err := n.IntAttr("align_corners", 0); err != nil {
			return nil, err
		}
		theta := in[0].Shape
		if len(theta) != 3 || theta[1] != 2 && theta[1] != 3 || theta[2] != theta[1]+1 {
			return nil, modelErr(n, "matrices of shape %v", theta)
		}
		if !hasConst(in, 1) {
			return nil, needsValue(n, 1)
		}
		size := tensor.Data[int64](in[1].Const)
		if len(size) != theta[1]+2 || size[0] != int64(theta[0]) {
			return nil, modelErr(n, "size %v for matrices of shape %v", size, theta)
		}
		shape := []int{theta[0]}
		for _, d := range size[2:] {
			if d < 0 || d > math.MaxInt32 {
				return nil, modelErr(n, "size %v", size)
			}
			shape = append(shape, int(d))
		}
		shape = append(shape, theta[1])
		if _, ok := tensor.Elements(shape); !ok {
			return nil, modelErr(n, "a result of shape %v", shape)
		}
		return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		align, err := n.IntAttr("align_corners", 0)
		if in[0].DType == tensor.Float64 {
			return affineGrid[float64]{align != 0}, err
		}
		return affineGrid[float32]{align != 0}, err
	},
})

type affineGrid[T float32 | float64] struct{ align bool }

// position is the place of element i of d between −1 and 1; a lone one lies in the middle where corners are not aligned, else at −1.
func (k affineGrid[T]) position(i, d int) T {
	if k.align {
		return T(T(2*i)/T(max(d-1, 1))) - 1
	}
	return T(T(2*i+1)/T(d)) - 1
}

// Run implements graph.Kernel.
func (k affineGrid[T]) Run(in, out []*tensor.Tensor, _ []byte) error {
	theta, dst, shape := tensor.Data[T](in[0]), tensor.Data[T](out[0]), out[0].Shape
	axes := in[0].Shape[1]
	var home [maxGridAxes]T
	for p := range len(dst) / axes {
		rest := p
		for i := range axes { // x is the last axis
			d := shape[axes-i]
			home[i] = k.position(rest%d, d)
			rest /= d
		}
		m := theta[rest*axes*(axes+1):]
		for i := range axes {
			row := m[i*(axes+1) : (i+1)*(axes+1)]
			var sum T
			for j, v := range home[:axes] {
				sum += T(row[j] * v)
			}
			dst[p*axes+i] = sum + row[axes]
		}
	}
	return nil
}
