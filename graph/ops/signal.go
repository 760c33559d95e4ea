package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Windows of Blackman and Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform" (Harris, 1978), at
// size points, and the mel filterbank. cos and cos2 are cosines at the point's angle and at twice that.
var (
	opHannWindow     = signalWindowOp("hann_window", "HannWindow", func(cos, _ float64) float64 { return 0.5 - float64(0.5*cos) })
	opHammingWindow  = signalWindowOp("hamming_window", "HammingWindow", func(cos, _ float64) float64 { return 25.0/46 - float64(21.0/46*cos) })
	opBlackmanWindow = signalWindowOp("blackman_window", "BlackmanWindow", func(cos, cos2 float64) float64 { return 0.42 - float64(0.5*cos) + float64(0.08*cos2) })
)

func signalWindowOp(name, opType string, f func(cos, cos2 float64) float64) *Op {
	return &Op{
		Name: name, Type: opType, Since: 17,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 1); err != nil {
				return nil, err
			}
			if _, err := n.IntAttr("periodic", 1); err != nil {
				return nil, err
			}
			d, err := numericOutput(n)
			if err != nil {
				return nil, err
			}
			size, err := shapeScalar(n, in, 0, 0)
			return []graph.Arg{{DType: d, Shape: []int{size}}}, err
		},
		Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			periodic, err := n.IntAttr("periodic", 1)
			return kernelFunc(func(_, out []*tensor.Tensor) error {
				points := out[0].Len()
				if periodic == 0 {
					points--
				}
				points = max(points, 1)
				writeNumbers(out[0], func(i int) float64 {
					cos, _ := kernels.Turn(i%points, points)
					cos2, _ := kernels.Turn(2*i%points, points)
					return f(cos, cos2)
				})
				return nil
			}), err
		},
	}
}

// opMelWeights makes the matrix [dft_length/2+1 × num_mel_bins] of triangles that are evenly spaced on the mel scale.
var opMelWeights = &Op{
	Name: "mel_weight_matrix", Type: "MelWeightMatrix", Since: 17, MinInputs: 5,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 5, 5); err != nil {
			return nil, err
		}
		for i := 2; i < 5; i++ {
			if count, ok := tensor.Elements(in[i].Shape); !ok || count != 1 {
				return nil, modelErr(n, "input %d has shape %v, expected a scalar", i, in[i].Shape)
			}
		}
		if err := wantDType(n, in, 2, tensor.Int32, tensor.Int64); err != nil {
			return nil, err
		}
		for i := 3; i < 5; i++ {
			if err := wantDType(n, in, i, tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16); err != nil {
				return nil, err
			}
		}
		d, err := numericOutput(n)
		if err != nil {
			return nil, err
		}
		bins, err := shapeScalar(n, in, 0, 1)
		if err != nil {
			return nil, err
		}
		length, err := shapeScalar(n, in, 1, 1)
		return []graph.Arg{{DType: d, Shape: []int{length/2 + 1, bins}}}, err
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		length, err := shapeScalar(n, in, 1, 1)
		return melKernel{n, length}, err
	},
}

type melKernel struct {
	node   *graph.Node
	length int // of the transform
}

// edge is the row of the spectrum that mel point i lies in.
func (k melKernel) edge(i int, low, step, rate float64) float64 {
	frequency := kernels.Hertz(low + float64(float64(i)*step))
	return math.Floor(float64(float64(k.length+1)*frequency) / rate)
}

// Run implements graph.Kernel.
func (k melKernel) Run(in, out []*tensor.Tensor, _ []byte) error {
	rate, from, to := numberAt(in[2]), numberAt(in[3]), numberAt(in[4])
	rows, bins := out[0].Shape[0], out[0].Shape[1]
	if !(rate > 0 && from >= 0 && to >= from && to <= 1e9) {
		return inputErr(k.node.String(), "frequencies from %v to %v Hz at %v samples per second", from, to, rate)
	}
	low := kernels.Mel(from)
	step := (kernels.Mel(to) - low) / float64(bins+2)
	if last := k.edge(bins+1, low, step, rate); last > float64(rows) {
		return inputErr(k.node.String(), "frequencies up to %v Hz at %v samples per second, beyond the %d rows of the spectrum", to, rate, rows)
	}
	writeNumbers(out[0], func(i int) float64 {
		row, bin := float64(i/bins), i%bins
		left, center, right := k.edge(bin, low, step, rate), k.edge(bin+1, low, step, rate), k.edge(bin+2, low, step, rate)
		switch {
		case row == center && left == center && center == right:
			return 1
		case row >= center && row < right:
			return (right - row) / (right - center)
		case row >= left && row <= center && left < center:
			return (row - left) / (center - left)
		case row == center:
			return 1
		}
		return 0
	})
	return nil
}

// numericOutput reads "output_datatype", float32 by default.
func numericOutput(n *graph.Node) (tensor.DType, error) {
	code, err := n.IntAttr("output_datatype", int64(tensor.Float32.ONNX()))
	if err != nil {
		return tensor.Invalid, err
	}
	switch d := tensor.FromONNX(int32(min(max(code, 0), math.MaxInt32))); d {
	case tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16, tensor.Uint8, tensor.Int8, tensor.Int16, tensor.Uint16,
		tensor.Int32, tensor.Uint32, tensor.Int64, tensor.Uint64:
		return d, nil
	}
	return tensor.Invalid, modelErr(n, "attribute \"output_datatype\" is %d, expected a number's", code)
}

// shapeScalar is the value of input i, an int32 or int64 from least to 2³¹−1 that an output's shape follows from.
func shapeScalar(n *graph.Node, in []graph.Arg, i, least int) (int, error) {
	if err := wantDType(n, in, i, tensor.Int32, tensor.Int64); err != nil {
		return 0, err
	}
	if count, ok := tensor.Elements(in[i].Shape); !ok || count != 1 {
		return 0, modelErr(n, "input %d has shape %v, expected a scalar", i, in[i].Shape)
	}
	if !hasConst(in, i) {
		return 0, needsValue(n, i)
	}
	v := numberAt(in[i].Const)
	if v < float64(least) || v > math.MaxInt32 {
		return 0, modelErr(n, "input %d is %v, expected %d to %d", i, v, least, math.MaxInt32)
	}
	return int(v), nil
}

// numberAt is the first element of a float tensor or of an int32 or int64 one.
func numberAt(t *tensor.Tensor) float64 {
	if t.DType == tensor.Int32 || t.DType == tensor.Int64 {
		return float64(intAt(t, 0))
	}
	return floatAt(t, 0)
}

// writeNumbers sets every element of dst to f of its position; integers are cut towards zero.
func writeNumbers(dst *tensor.Tensor, f func(i int) float64) {
	switch dst.DType {
	case tensor.Float32:
		setNumbers(tensor.Data[float32](dst), f)
	case tensor.Float64:
		setNumbers(tensor.Data[float64](dst), f)
	case tensor.Float16:
		for i := range tensor.Data[tensor.F16](dst) {
			tensor.Data[tensor.F16](dst)[i] = tensor.ToF16(float32(f(i)))
		}
	case tensor.BFloat16:
		for i := range tensor.Data[tensor.BF16](dst) {
			tensor.Data[tensor.BF16](dst)[i] = tensor.ToBF16(float32(f(i)))
		}
	case tensor.Uint8:
		setNumbers(tensor.Data[uint8](dst), f)
	case tensor.Int8:
		setNumbers(tensor.Data[int8](dst), f)
	case tensor.Uint16:
		setNumbers(tensor.Data[uint16](dst), f)
	case tensor.Int16:
		setNumbers(tensor.Data[int16](dst), f)
	case tensor.Uint32:
		setNumbers(tensor.Data[uint32](dst), f)
	case tensor.Int32:
		setNumbers(tensor.Data[int32](dst), f)
	case tensor.Uint64:
		setNumbers(tensor.Data[uint64](dst), f)
	case tensor.Int64:
		setNumbers(tensor.Data[int64](dst), f)
	}
}

func setNumbers[T number](dst []T, f func(i int) float64) {
	for i := range dst {
		dst[i] = T(f(i))
	}
}
