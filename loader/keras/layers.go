package keras

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// inputLayer is the class of inputs.
const inputLayer = "InputLayer"

// form adds the nodes of a layer over its input values.
type form func(b *builder, l *layer, in []value) (value, error)

// forms is every layer class that is read; a new one is a row. Layers that do something in training alone pass their value on.
var forms = map[string]form{
	"Dense":                  dense,
	"Activation":             func(b *builder, l *layer, in []value) (value, error) { return b.activation(l.config.Activation, in[0]) },
	"ReLU":                   reluLayer,
	"LeakyReLU":              leakyLayer,
	"ELU":                    eluLayer,
	"PReLU":                  preluLayer,
	"Softmax":                softmaxLayer,
	"BatchNormalization":     batchNorm,
	"LayerNormalization":     layerNorm,
	"Flatten":                flatten,
	"Reshape":                reshape,
	"Rescaling":              rescaling,
	"Dropout":                pass,
	"AlphaDropout":           pass,
	"GaussianDropout":        pass,
	"GaussianNoise":          pass,
	"SpatialDropout1D":       pass,
	"ActivityRegularization": pass,
	"Identity":               pass,
	"Add":                    merge("Add"),
	"Subtract":               merge("Sub"),
	"Multiply":               merge("Mul"),
	"Maximum":                merge("Max"),
	"Minimum":                merge("Min"),
	"Average":                merge("Mean"),
	"Concatenate":            concatenate,
}

func pass(_ *builder, _ *layer, in []value) (value, error) { return in[0], nil }

// last is the size of the last dimension, which weights fix.
func last(v value) (int, error) {
	if d := v.shape[len(v.shape)-1]; len(v.shape) > 1 && d >= 0 {
		return d, nil
	}
	return 0, fmt.Errorf("an input of shape %v, expected a known last dimension: %w", v.shape, graph.ErrUnsupported)
}

// dense is activation(x·kernel + bias).
func dense(b *builder, l *layer, in []value) (value, error) {
	x := in[0]
	width, err := last(x)
	if err != nil {
		return value{}, err
	}
	kernel, err := b.weight(0, width, l.config.Units)
	if err != nil {
		return value{}, err
	}
	inputs := []string{x.name, b.constant("kernel", kernel)}
	bias := ""
	if l.config.UseBias == nil || *l.config.UseBias {
		t, err := b.weight(1, l.config.Units)
		if err != nil {
			return value{}, err
		}
		bias = b.constant("bias", t)
	}
	shape := append(append([]int{}, x.shape[:len(x.shape)-1]...), l.config.Units)
	switch {
	case bias == "":
		x = value{b.add("MatMul", nil, inputs...), shape}
	case len(shape) == 2:
		x = value{b.add("Gemm", nil, append(inputs, bias)...), shape}
	default:
		x = value{b.add("Add", nil, b.add("MatMul", nil, inputs...), bias), shape}
	}
	return b.activation(l.config.Activation, x)
}

func reluLayer(b *builder, l *layer, in []value) (value, error) {
	slope, err := number(l.config.NegativeSlope, 0)
	if err != nil {
		return value{}, err
	}
	if l.config.Threshold != 0 {
		b.problems.add("layer %q: ReLU with a threshold", l.config.Name)
	}
	x := in[0]
	if slope == 0 {
		x.name = b.add("Relu", nil, x.name)
	} else {
		x.name = b.leaky(x.name, slope)
	}
	if l.config.MaxValue != nil {
		x.name = b.add("Min", nil, x.name, b.scalar(*l.config.MaxValue))
	}
	return x, nil
}

func leakyLayer(b *builder, l *layer, in []value) (value, error) {
	raw := l.config.NegativeSlope
	if len(raw) == 0 {
		raw = l.config.Alpha // Keras 2
	}
	slope, err := number(raw, 0.3)
	return value{b.leaky(in[0].name, slope), in[0].shape}, err
}

func eluLayer(b *builder, l *layer, in []value) (value, error) {
	alpha, err := number(l.config.Alpha, 1)
	return value{b.add("Elu", map[string]graph.Attr{"alpha": graph.Float32(alpha)}, in[0].name), in[0].shape}, err
}

func preluLayer(b *builder, l *layer, in []value) (value, error) {
	slope, err := b.weight(0, in[0].shape[1:]...)
	if err != nil {
		return value{}, err
	}
	return value{b.add("PRelu", nil, in[0].name, b.constant("alpha", slope)), in[0].shape}, nil
}

func softmaxLayer(b *builder, l *layer, in []value) (value, error) {
	if axis, err := axisOf(l.config.Axis, in[0]); err != nil || axis != len(in[0].shape)-1 {
		return value{}, fmt.Errorf("axis %s, expected the last: %w", l.config.Axis, graph.ErrUnsupported)
	}
	return value{b.add("Softmax", nil, in[0].name), in[0].shape}, nil
}

// axisOf decodes an axis: a number, a list of one, the last where it is not written.
func axisOf(raw json.RawMessage, v value) (int, error) {
	axis := -1
	if len(raw) > 0 {
		var list []int
		if json.Unmarshal(raw, &list) == nil && len(list) == 1 {
			axis = list[0]
		} else if err := json.Unmarshal(raw, &axis); err != nil {
			return 0, err
		}
	}
	if axis < 0 {
		axis += len(v.shape)
	}
	return axis, nil
}

// defaultEpsilon is that of Keras' normalisations.
const defaultEpsilon = 1e-3

// normWeights reads scale and offset of a normalisation over the last axis, ones and zeros where the layer has none, and how many weights
// that were.
func normWeights(b *builder, l *layer, x value) (scale, offset *tensor.Tensor, epsilon float32, used int, err error) {
	width, err := last(x)
	if err != nil {
		return nil, nil, 0, 0, err
	}
	if axis, err := axisOf(l.config.Axis, x); err != nil || axis != len(x.shape)-1 {
		return nil, nil, 0, 0, fmt.Errorf("axis %s, expected the last: %w", l.config.Axis, graph.ErrUnsupported)
	}
	scale, offset = tensor.New(tensor.Float32, width), tensor.New(tensor.Float32, width)
	for i := range width {
		tensor.Data[float32](scale)[i] = 1
	}
	if toggle(l.config.Scale) {
		if scale, err = b.weight(used, width); err != nil {
			return nil, nil, 0, 0, err
		}
		used++
	}
	if l.config.Center == nil || *l.config.Center {
		if offset, err = b.weight(used, width); err != nil {
			return nil, nil, 0, 0, err
		}
		used++
	}
	epsilon = defaultEpsilon
	if l.config.Epsilon != nil {
		epsilon = *l.config.Epsilon
	}
	return scale, offset, epsilon, used, nil
}

// batchNorm is gamma·(x − mean)/√(variance + epsilon) + beta.
func batchNorm(b *builder, l *layer, in []value) (value, error) {
	x := in[0]
	scale, offset, epsilon, used, err := normWeights(b, l, x)
	if err != nil {
		return value{}, err
	}
	width := scale.Shape[0]
	mean, err := b.weight(used, width)
	if err != nil {
		return value{}, err
	}
	variance, err := b.weight(used+1, width)
	if err != nil {
		return value{}, err
	}
	if len(x.shape) == 2 { // ONNX normalises over axis 1
		x.name = b.add("BatchNormalization", map[string]graph.Attr{"epsilon": graph.Float32(epsilon)}, x.name, b.constant("gamma", scale),
			b.constant("beta", offset), b.constant("moving_mean", mean), b.constant("moving_variance", variance))
		return x, nil
	}
	factor, shift := make([]float32, width), make([]float32, width)
	for i := range width {
		f := float64(tensor.Data[float32](scale)[i]) / math.Sqrt(float64(tensor.Data[float32](variance)[i])+float64(epsilon))
		factor[i] = float32(f)
		shift[i] = float32(float64(tensor.Data[float32](offset)[i]) - float64(tensor.Data[float32](mean)[i])*f)
	}
	x.name = b.add("Mul", nil, x.name, b.constant("factor", tensor.Of(factor, width)))
	x.name = b.add("Add", nil, x.name, b.constant("shift", tensor.Of(shift, width)))
	return x, nil
}

func layerNorm(b *builder, l *layer, in []value) (value, error) {
	x := in[0]
	if l.config.RMSScaling {
		b.problems.add("layer %q: LayerNormalization with rms_scaling", l.config.Name)
	}
	scale, offset, epsilon, _, err := normWeights(b, l, x)
	if err != nil {
		return value{}, err
	}
	x.name = b.add("LayerNormalization", map[string]graph.Attr{"epsilon": graph.Float32(epsilon), "axis": graph.Int(-1)},
		x.name, b.constant("gamma", scale), b.constant("beta", offset))
	return x, nil
}

func flatten(b *builder, _ *layer, in []value) (value, error) {
	n, ok := tensor.Elements(in[0].shape[1:])
	if !ok {
		return value{}, fmt.Errorf("an input of shape %v, expected known dimensions after the first: %w", in[0].shape, graph.ErrUnsupported)
	}
	return value{b.add("Flatten", nil, in[0].name), []int{in[0].shape[0], n}}, nil
}

func reshape(b *builder, l *layer, in []value) (value, error) {
	shape := []int{in[0].shape[0]}
	known, unknown := 1, -1
	for i, d := range l.config.TargetShape {
		if d < 0 {
			unknown = i + 1
		} else {
			known *= int(d)
		}
		shape = append(shape, int(d))
	}
	n, ok := tensor.Elements(in[0].shape[1:])
	if !ok || known == 0 || unknown < 0 && known != n || n%known != 0 {
		return value{}, fmt.Errorf("%v to %v: %w", in[0].shape, l.config.TargetShape, graph.ErrUnsupported)
	}
	if unknown > 0 {
		shape[unknown] = n / known
	}
	target := make([]int64, len(shape))
	for i, d := range shape {
		target[i] = int64(d)
	}
	target[0] = 0 // as in the input
	return value{b.add("Reshape", nil, in[0].name, b.constant("shape", tensor.Of(target, len(target)))), shape}, nil
}

func rescaling(b *builder, l *layer, in []value) (value, error) {
	scale, err := number(l.config.Scale, 1)
	if err != nil {
		return value{}, err
	}
	offset, err := number(l.config.Offset, 0)
	x := b.add("Mul", nil, in[0].name, b.scalar(scale))
	return value{b.add("Add", nil, x, b.scalar(offset)), in[0].shape}, err
}

// merge makes the form of an elementwise operator over values of one shape.
func merge(op string) form {
	return func(b *builder, l *layer, in []value) (value, error) {
		for _, v := range in[1:] {
			if fmt.Sprint(v.shape) != fmt.Sprint(in[0].shape) {
				return value{}, fmt.Errorf("shapes %v and %v, expected one: %w", in[0].shape, v.shape, graph.ErrUnsupported)
			}
		}
		if op == "Mean" || op == "Max" || op == "Min" { // of any number of values
			names := make([]string, len(in))
			for i, v := range in {
				names[i] = v.name
			}
			return value{b.add(op, nil, names...), in[0].shape}, nil
		}
		x := in[0]
		for _, v := range in[1:] {
			x.name = b.add(op, nil, x.name, v.name)
		}
		return x, nil
	}
}

func concatenate(b *builder, l *layer, in []value) (value, error) {
	axis, err := axisOf(l.config.Axis, in[0])
	if err != nil || axis <= 0 || axis >= len(in[0].shape) {
		return value{}, fmt.Errorf("axis %s of shape %v: %w", l.config.Axis, in[0].shape, graph.ErrFormat)
	}
	shape := append([]int{}, in[0].shape...)
	shape[axis] = 0
	names := make([]string, len(in))
	for i, v := range in {
		names[i] = v.name
		if len(v.shape) != len(shape) || v.shape[axis] < 0 {
			return value{}, fmt.Errorf("shapes %v and %v: %w", in[0].shape, v.shape, graph.ErrUnsupported)
		}
		shape[axis] += v.shape[axis]
	}
	return value{b.add("Concat", map[string]graph.Attr{"axis": graph.Int(int64(axis))}, names...), shape}, nil
}
