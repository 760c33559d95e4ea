package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

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
		sizes, err := affineSizes(n, in)
		if err != nil {
			return nil, err
		}
		shape := append([]int{theta[0]}, sizes...)
		shape = append(shape, theta[1])
		if _, ok := tensor.Elements(shape); !ok {
			return nil, modelErr(n, "a result of shape %v", shape)
		}
		return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		align, err := n.IntAttr("align_corners", 0)
		if err != nil {
			return nil, err
		}
		sizes, err := affineSizes(n, in)
		if in[0].DType == tensor.Float64 {
			return affineGrid[float64]{align != 0, sizes}, err
		}
		return affineGrid[float32]{align != 0, sizes}, err
	},
})

// affineSizes reads what input 1 says behind batch and channels.
func affineSizes(n *graph.Node, in []graph.Arg) ([]int, error) {
	if !hasConst(in, 1) {
		return nil, needsValue(n, 1)
	}
	size, theta := tensor.Data[int64](in[1].Const), in[0].Shape
	if len(size) != theta[1]+2 || size[0] != int64(theta[0]) {
		return nil, modelErr(n, "size %v for matrices of shape %v", size, theta)
	}
	var sizes []int
	for _, d := range size[2:] {
		if d < 0 || d > math.MaxInt32 {
			return nil, modelErr(n, "size %v", size)
		}
		sizes = append(sizes, int(d))
	}
	return sizes, nil
}

type affineGrid[T float32 | float64] struct {
	align bool
	sizes []int
}

// position is the place of element i of d between −1 and 1; a lone one lies in the middle where corners are not aligned, else at −1.
func (k affineGrid[T]) position(i, d int) T {
	if k.align {
		return T(T(2*i)/T(max(d-1, 1))) - 1
	}
	return T(T(2*i+1)/T(d)) - 1
}

// ScratchBytes implements graph.ScratchKernel: the positions along every axis but the batch, and that of the coordinates.
func (k affineGrid[T]) ScratchBytes(args []graph.Arg) int {
	total := 0
	for _, d := range k.sizes {
		total = min(total+multiplied(args[0].DType.Size(), d), math.MaxInt/4)
	}
	return total
}

// Run implements graph.Kernel. The coordinate along the last axis is added last.
func (k affineGrid[T]) Run(in, out []*tensor.Tensor, scratch []byte) error {
	theta, dst := tensor.Data[T](in[0]), tensor.Data[T](out[0])
	if len(dst) == 0 {
		return nil
	}
	axes := len(k.sizes)
	memory := tensor.Tensor{DType: in[0].DType, Bytes: scratch}
	free := tensor.Data[T](&memory)
	var home [maxGridAxes][]T
	rows := 1
	for a, d := range k.sizes {
		home[a], free = free[:d], free[d:]
		for i := range home[a] {
			home[a][i] = k.position(i, d)
		}
		if a < axes-1 {
			rows *= d
		}
	}
	for r := range len(dst) / (axes * len(home[axes-1])) {
		m := theta[r/rows*axes*(axes+1):]
		line := dst[r*axes*len(home[axes-1]):]
		for i := range axes {
			row := m[i*(axes+1) : (i+1)*(axes+1)]
			sum, rest := row[axes], r%rows
			for a := axes - 2; a >= 0; a-- {
				sum += T(row[axes-1-a] * home[a][rest%len(home[a])])
				rest /= len(home[a])
			}
			for j, v := range home[axes-1] {
				line[j*axes+i] = sum + T(row[0]*v)
			}
		}
	}
	return nil
}
