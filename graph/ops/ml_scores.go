package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// floating is the type in which scores are summed: float64 where the features are, else float32.
type floating interface{ float32 | float64 }

// postTransform is what becomes of the scores of a row.
type postTransform uint8

// The order of TreeEnsemble's attribute.
const (
	postNone postTransform = iota
	postSoftmax
	postLogistic
	postSoftmaxZero
	postProbit
)

var postTransforms = map[string]postTransform{
	"NONE": postNone, "SOFTMAX": postSoftmax, "LOGISTIC": postLogistic, "SOFTMAX_ZERO": postSoftmaxZero, "PROBIT": postProbit,
}

func postTransformOf(n *graph.Node) (postTransform, error) {
	name, err := n.StringAttr("post_transform", "NONE")
	if err != nil {
		return postNone, err
	}
	p, ok := postTransforms[name]
	if !ok {
		return postNone, modelErr(n, "attribute \"post_transform\" is %q", name)
	}
	return p, nil
}

// zeroScore is what SOFTMAX_ZERO takes for 0.
const zeroScore = 1e-7

// apply transforms a row of scores in place.
func (p postTransform) apply(s []float32) {
	switch p {
	case postSoftmax:
		kernels.SoftmaxF32(s, s, 1, len(s))
	case postLogistic:
		kernels.SigmoidF32(s, s)
	case postSoftmaxZero:
		softmaxZero(s)
	case postProbit:
		probit(s)
	}
}

// final is apply, but of the transforms a single score takes PROBIT alone, as in ONNX Runtime.
func (p postTransform) final(s []float32) {
	if len(s) > 1 || p == postProbit {
		p.apply(s)
	}
}

// second makes the scores of two classes from that of the positive one, s[0]: a probability and what is missing to 1.
func (p postTransform) second(s []float32) {
	if p == postLogistic {
		s[0], s[1] = -s[0], s[0]
		kernels.SigmoidF32(s, s)
		return
	}
	p.final(s[:1])
	s[0], s[1] = 1-s[0], s[0]
}

// softmaxZero is a softmax that keeps scores of 0: each is e^(v−max), or v·e^−max where v is nearly 0, over their sum without the latter.
func softmaxZero(s []float32) {
	top := kernels.MaxF32(s)
	var least [1]float32
	least[0] = -top
	kernels.ExpF32(least[:], least[:])
	sum := float32(0)
	for i, v := range s {
		if v > zeroScore || v < -zeroScore {
			s[i] = v - top
			kernels.ExpF32(s[i:i+1], s[i:i+1])
			sum += s[i]
		} else {
			s[i] = v * least[0]
		}
	}
	for i := range s {
		s[i] /= sum
	}
}

// probit computes √2·erf⁻¹(2v−1) in place with Winitzki's approximation of the inverse ("A handy approximation for the error function
// and its inverse", 2008), whose constants are those of ONNX Runtime; relative error 2e-3.
func probit(s []float32) {
	const a, pi = 0.147, 3.14159
	for i, v := range s {
		x := 2*v - 1
		s[i] = (1 - x) * (1 + x)
		kernels.LogF32(s[i:i+1], s[i:i+1])
		half := float32(2/(pi*a)) + float32(0.5*s[i])
		root := float32(math.Sqrt(float64(float32(half*half) - float32(s[i]/float32(a)))))
		s[i] = math.Sqrt2 * float32(math.Sqrt(float64(root-half)))
		if x < 0 {
			s[i] = -s[i]
		}
	}
}

// classLabels are the names of classes: numbers, or text where there is any.
type classLabels struct {
	numbers []int64
	text    []string
}

func labelsOf(n *graph.Node, numbers, text string) (l classLabels, err error) {
	if l.text, err = n.StringsAttr(text); err != nil {
		return l, err
	}
	l.numbers, err = n.IntsAttr(numbers)
	if err == nil && (len(l.text) > 0) == (len(l.numbers) > 0) {
		err = modelErr(n, "%d labels of numbers and %d of text, expected either", len(l.numbers), len(l.text))
	}
	return l, err
}

func (l *classLabels) len() int { return max(len(l.numbers), len(l.text)) }

func (l *classLabels) dtype() tensor.DType {
	if len(l.text) > 0 {
		return tensor.String
	}
	return tensor.Int64
}

// orTwo is l where it has two labels, else 0 and 1.
func (l classLabels) orTwo() classLabels {
	switch {
	case l.len() == 2:
	case len(l.text) > 0:
		l.text = []string{"0", "1"}
	default:
		l.numbers = []int64{0, 1}
	}
	return l
}

// write sets element i of y to label k.
func (l *classLabels) write(y *tensor.Tensor, i, k int) {
	if len(l.text) > 0 {
		y.Strings[i] = l.text[k]
	} else {
		tensor.Data[int64](y)[i] = l.numbers[k]
	}
}

// argmax is the position of the first largest element.
func argmax[T floating | int32](s []T) int {
	best := 0
	for i, v := range s {
		if v > s[best] {
			best = i
		}
	}
	return best
}

// matrixOf is the number of rows and of features of a shape; a vector is one row.
func matrixOf(n *graph.Node, shape []int) (rows, cols int, err error) {
	switch len(shape) {
	case 1:
		return 1, shape[0], nil
	case 2:
		return shape[0], shape[1], nil
	}
	return 0, 0, modelErr(n, "shape %v, expected [N, C] or [C]", shape)
}

// mlNumbers are the dtypes of features that ai.onnx.ml computes with.
var mlNumbers = []tensor.DType{tensor.Float32, tensor.Float64, tensor.Int64, tensor.Int32}

// featuresF32 views the elements of x as float32, or converts them into scratch of featuresBytes; rest is what is left of it.
func featuresF32(x *tensor.Tensor, scratch []byte) (values []float32, rest []byte) {
	if x.DType == tensor.Float32 {
		return tensor.Data[float32](x), scratch
	}
	size := 4 * x.Len()
	values, rest = floats(scratch[:size:size]), scratch[halfBytes(x.Shape):]
	toF32(values, x)
	return values, rest
}

// featuresBytes is the scratch memory of featuresF32.
func featuresBytes(a graph.Arg) int {
	if a.DType == tensor.Float32 {
		return 0
	}
	return halfBytes(a.Shape)
}

// toF32 writes the elements of x, of mlNumbers or a 16-bit float, as float32.
func toF32(dst []float32, x *tensor.Tensor) {
	switch x.DType {
	case tensor.Float32:
		copy(dst, tensor.Data[float32](x))
	case tensor.Float64:
		castToF32(dst, tensor.Data[float64](x))
	case tensor.Int64:
		castToF32(dst, tensor.Data[int64](x))
	case tensor.Int32:
		castToF32(dst, tensor.Data[int32](x))
	default:
		widenHalf(dst, x)
	}
}

func castToF32[T float64 | int64 | int32](dst []float32, x []T) {
	for i, v := range x {
		dst[i] = float32(v)
	}
}
