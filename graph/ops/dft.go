package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opDFT is the discrete Fourier transform along one axis of [… × 1 or 2], real or complex numbers; all dtypes are computed in float64
// and rounded at the end. The axis is an attribute before opset 20 (default 1), then input 2 (default −2).
var opDFT = viaFloat32(&Op{
	Name: "dft", Type: "DFT", Since: 17,
	Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
		d, err := dftOf(n, in)
		return err == nil && d.axis > 0 && rowsFirst(n, in, rows)
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		d, err := dftOf(n, in)
		if err != nil {
			return nil, err
		}
		shape := append([]int(nil), in[0].Shape...)
		length := d.lengthOf(shape[d.axis])
		if length < 1 {
			return nil, modelErr(n, "axis %d of input %v for a transform of length %d", d.axis, shape, length)
		}
		if shape[d.axis] = length; d.onesided && !d.inverse {
			shape[d.axis] = length/2 + 1
		}
		if shape[len(shape)-1] = 2; d.onesided && d.inverse {
			shape[len(shape)-1] = 1
		}
		if _, ok := tensor.Elements(shape); !ok {
			return nil, modelErr(n, "a result of shape %v", shape)
		}
		return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		d, err := dftOf(n, in)
		if err != nil {
			return nil, err
		}
		if in[0].DType == tensor.Float64 {
			return &dftKernel[float64]{d, pool}, nil
		}
		return &dftKernel[float32]{d, pool}, nil
	},
})

// dftConfig is what attributes and constant inputs say.
type dftConfig struct {
	axis              int
	length            int // 0: follows from the input
	inverse, onesided bool
}

func dftOf(n *graph.Node, in []graph.Arg) (d dftConfig, err error) {
	newer := n.Opset == 0 || n.Opset >= 20
	most := 2
	if newer {
		most = 3
	}
	if err := arity(n, in, 1, most); err != nil {
		return d, err
	}
	if err := wantDType(n, in, 0, tensor.Float32, tensor.Float64); err != nil {
		return d, err
	}
	inverse, err := n.IntAttr("inverse", 0)
	if err != nil {
		return d, err
	}
	onesided, err := n.IntAttr("onesided", 0)
	if err != nil {
		return d, err
	}
	d.inverse, d.onesided = inverse != 0, onesided != 0
	rank := len(in[0].Shape)
	if rank < 2 {
		return d, modelErr(n, "input 0 has shape %v, expected an axis and numbers of 1 or 2 parts", in[0].Shape)
	}
	parts := in[0].Shape[rank-1]
	if parts != 1 && parts != 2 || d.onesided && !d.inverse && parts == 2 {
		return d, modelErr(n, "numbers of %d parts", parts)
	}
	axis := int64(-2)
	if !newer {
		if axis, err = n.IntAttr("axis", 1); err != nil {
			return d, err
		}
	} else if present(in, 2) {
		if in[2].DType != tensor.Int64 {
			return d, modelErr(n, "input 2 is %s, expected int64", in[2].DType)
		}
		if !hasConst(in, 2) {
			return d, needsValue(n, 2)
		}
		if in[2].Const.Len() != 1 {
			return d, modelErr(n, "input 2 has shape %v, expected a scalar", in[2].Shape)
		}
		axis = tensor.Data[int64](in[2].Const)[0]
	}
	if d.axis, err = axisOf(n, axis, rank); err != nil {
		return d, err
	}
	if d.axis == rank-1 {
		return d, modelErr(n, "axis %d, which is that of real and imaginary parts", axis)
	}
	if present(in, 1) {
		d.length, err = shapeScalar(n, in, 1, 1)
	}
	return d, err
}

// lengthOf is the length of the transform for an input of size elements along the axis.
func (d *dftConfig) lengthOf(size int) int {
	switch {
	case d.length > 0:
		return d.length
	case d.inverse && d.onesided:
		return 2 * (size - 1)
	}
	return size
}

type dftKernel[T float32 | float64] struct {
	dftConfig
	pool *kernels.Pool
}

// ScratchBytes implements graph.ScratchKernel.
func (k *dftKernel[T]) ScratchBytes(args []graph.Arg) int {
	return fourierBytes(k.pool, k.lengthOf(args[0].Shape[k.axis]))
}

// Run implements graph.Kernel.
func (k *dftKernel[T]) Run(in, out []*tensor.Tensor, scratch []byte) error {
	outer, size, inner := around(in[0].Shape, k.axis)
	lines := outer * inner / in[0].Shape[len(in[0].Shape)-1]
	runFourier(k.pool, k, in, out, scratch, k.lengthOf(size), lines)
	return nil
}

// lines implements fourierLines.
func (k *dftKernel[T]) lines(f kernels.Fourier, line []complex128, in, out []*tensor.Tensor, first, last int) {
	x, dst, shape := tensor.Data[T](in[0]), tensor.Data[T](out[0]), in[0].Shape
	_, size, inner := around(shape, k.axis)
	parts, outParts := shape[len(shape)-1], out[0].Shape[len(shape)-1]
	inner /= parts
	length, outSize := len(line), out[0].Shape[k.axis]
	sign := 1.0
	if k.inverse {
		sign = -1 // the transform of the conjugate is the conjugate of the inverse
	}
	taken := min(size, length)
	if k.inverse && k.onesided {
		taken = min(size, length/2+1)
	}
	for r := first; r < last; r++ {
		from, to := r/inner*size*inner+r%inner, r/inner*outSize*inner+r%inner
		clear(line)
		for j := range taken {
			at := (from + j*inner) * parts
			v := complex(float64(x[at]), 0)
			if parts == 2 {
				v = complex(real(v), sign*float64(x[at+1]))
			}
			line[j] = v
		}
		if k.inverse && k.onesided { // the other half mirrors this one; what is its own mirror image is real
			line[0] = complex(real(line[0]), 0)
			for j := 1; j <= length/2; j++ {
				if 2*j == length {
					line[j] = complex(real(line[j]), 0)
				}
				line[length-j] = complex(real(line[j]), -imag(line[j]))
			}
		}
		f.Transform(line)
		for j := range outSize {
			at := (to + j*inner) * outParts
			re, im := real(line[j]), imag(line[j])
			if k.inverse {
				re, im = re/float64(length), -im/float64(length)
			}
			dst[at] = T(re)
			if outParts == 2 {
				dst[at+1] = T(im)
			}
		}
	}
}

// opSTFT transforms frames of a signal [batch × length × 1 or 2] that start frame_step apart, times a window.
var opSTFT = viaFloat32(&Op{
	Name: "stft", Type: "STFT", Since: 17, MinInputs: 2, Rows: rowsFirst,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		s, err := stftOf(n, in)
		if err != nil {
			return nil, err
		}
		frame := s.frame(in[0].Shape[1])
		if frame < 1 || frame > in[0].Shape[1] {
			return nil, modelErr(n, "frames of %d in a signal of %d", frame, in[0].Shape[1])
		}
		bins := frame
		if s.onesided {
			bins = frame/2 + 1
		}
		shape := []int{in[0].Shape[0], (in[0].Shape[1]-frame)/s.step + 1, bins, 2}
		if _, ok := tensor.Elements(shape); !ok {
			return nil, modelErr(n, "a result of shape %v", shape)
		}
		return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
	},
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		s, err := stftOf(n, in)
		if err != nil {
			return nil, err
		}
		if in[0].DType == tensor.Float64 {
			return &stftKernel[float64]{s, pool}, nil
		}
		return &stftKernel[float32]{s, pool}, nil
	},
})

// stftConfig is what attributes, constant inputs and the shape of the window say.
type stftConfig struct {
	step     int
	length   int // of a frame; 0: that of the signal
	window   bool
	onesided bool
}

func (s *stftConfig) frame(signal int) int {
	if s.length > 0 {
		return s.length
	}
	return signal
}

func stftOf(n *graph.Node, in []graph.Arg) (s stftConfig, err error) {
	if err := arity(n, in, 2, 4); err != nil {
		return s, err
	}
	if err := wantDType(n, in, 0, tensor.Float32, tensor.Float64); err != nil {
		return s, err
	}
	x := in[0].Shape
	onesided, err := n.IntAttr("onesided", 1)
	if err != nil {
		return s, err
	}
	if s.onesided = onesided != 0; len(x) != 3 || x[2] != 1 && x[2] != 2 || s.onesided && x[2] == 2 {
		return s, modelErr(n, "signal %v, expected batch, length and 1 part, or 2 of which all bins are wanted", x)
	}
	if s.step, err = shapeScalar(n, in, 1, 1); err != nil {
		return s, err
	}
	if present(in, 3) {
		if s.length, err = shapeScalar(n, in, 3, 1); err != nil {
			return s, err
		}
	}
	if s.window = present(in, 2); s.window {
		if err := wantDType(n, in, 2, in[0].DType); err != nil {
			return s, err
		}
		if w := in[2].Shape; len(w) != 1 || w[0] < 1 || s.length > 0 && w[0] != s.length {
			return s, modelErr(n, "a window of shape %v for frames of %d", w, s.length)
		}
		s.length = in[2].Shape[0]
	}
	return s, nil
}

type stftKernel[T float32 | float64] struct {
	stftConfig
	pool *kernels.Pool
}

// ScratchBytes implements graph.ScratchKernel.
func (k *stftKernel[T]) ScratchBytes(args []graph.Arg) int {
	return fourierBytes(k.pool, k.frame(args[0].Shape[1]))
}

// Run implements graph.Kernel.
func (k *stftKernel[T]) Run(in, out []*tensor.Tensor, scratch []byte) error {
	runFourier(k.pool, k, in, out, scratch, k.frame(in[0].Shape[1]), in[0].Shape[0]*out[0].Shape[1])
	return nil
}

// lines implements fourierLines.
func (k *stftKernel[T]) lines(f kernels.Fourier, line []complex128, in, out []*tensor.Tensor, first, last int) {
	x, dst, signal, parts := tensor.Data[T](in[0]), tensor.Data[T](out[0]), in[0].Shape[1], in[0].Shape[2]
	frames, bins := out[0].Shape[1], out[0].Shape[2]
	var window []T
	if k.window {
		window = tensor.Data[T](in[2])
	}
	for r := first; r < last; r++ {
		from := x[(r/frames*signal+r%frames*k.step)*parts:]
		for j := range line {
			if line[j] = complex(float64(from[j*parts]), 0); parts == 2 {
				line[j] = complex(real(line[j]), float64(from[j*parts+1]))
			}
			if window != nil {
				w := float64(window[j])
				line[j] = complex(float64(real(line[j])*w), float64(imag(line[j])*w))
			}
		}
		f.Transform(line)
		to := dst[r*bins*2:]
		for j, v := range line[:bins] {
			to[2*j], to[2*j+1] = T(real(v)), T(imag(v))
		}
	}
}
