package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Random numbers. Each run draws the same ones: randomSource starts from the seed. They are computed in float64 and rounded once.
var (
	opRandomNormal      = randomOp("random_normal", "RandomNormal", false, normal)
	opRandomNormalLike  = randomOp("random_normal_like", "RandomNormalLike", true, normal)
	opRandomUniform     = randomOp("random_uniform", "RandomUniform", false, uniform)
	opRandomUniformLike = randomOp("random_uniform_like", "RandomUniformLike", true, uniform)
)

// distribution is offset + scale · z, where z is normal or uniform.
type distribution struct {
	normal        bool
	offset, scale float64
}

// normal reads attributes mean and scale.
func normal(n *graph.Node) (distribution, error) {
	mean, err := n.FloatAttr("mean", 0)
	if err != nil {
		return distribution{}, err
	}
	scale, err := n.FloatAttr("scale", 1)
	return distribution{true, float64(mean), float64(scale)}, err
}

// uniform reads attributes low and high.
func uniform(n *graph.Node) (distribution, error) {
	low, err := n.FloatAttr("low", 0)
	if err != nil {
		return distribution{}, err
	}
	high, err := n.FloatAttr("high", 1)
	return distribution{false, float64(low), float64(high) - float64(low)}, err
}

func (d distribution) draw(r *randomSource) float64 {
	if d.normal {
		return d.offset + float64(r.normal()*d.scale)
	}
	return d.offset + float64(r.uniform()*d.scale)
}

// randomOp makes an operator whose shape comes from its input, or from attribute "shape".
func randomOp(name, opType string, like bool, read func(*graph.Node) (distribution, error)) *Op {
	op := &Op{
		Name: name, Type: opType, Since: 1, MinInputs: NoInputs,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if _, err := read(n); err != nil {
				return nil, err
			}
			var shape []int
			def := tensor.Float32
			if like {
				if err := arity(n, in, 1, 1); err != nil {
					return nil, err
				}
				shape, def = in[0].Shape, in[0].DType
			} else {
				if err := arity(n, in, 0, 0); err != nil {
					return nil, err
				}
				list, err := n.IntsAttr("shape")
				if err != nil {
					return nil, err
				}
				shape = make([]int, len(list))
				for i, v := range list {
					shape[i] = int(v)
				}
				if _, ok := tensor.Elements(shape); !ok {
					return nil, modelErr(n, "attribute \"shape\" is %v", list)
				}
			}
			t, err := typeAttr(n, def, tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16)
			return []graph.Arg{{DType: t, Shape: shape}}, err
		},
		Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			seed, err := seedOf(n)
			if err != nil {
				return nil, err
			}
			d, err := read(n)
			return kernelFunc(func(_, out []*tensor.Tensor) error {
				var r randomSource
				r.seed(seed)
				for i := range out[0].Len() {
					setFloat(out[0], i, d.draw(&r))
				}
				return nil
			}), err
		},
	}
	if like {
		op.MinInputs = 1
	}
	return op
}

// typeAttr reads attribute "dtype", which must name one of some dtypes.
func typeAttr(n *graph.Node, def tensor.DType, allowed ...tensor.DType) (tensor.DType, error) {
	code, err := n.IntAttr("dtype", int64(def.ONNX()))
	if err != nil {
		return tensor.Invalid, err
	}
	for _, d := range allowed {
		if int64(d.ONNX()) == code {
			return d, nil
		}
	}
	return tensor.Invalid, unsupported(n, "elements of type %d, expected one of %v", code, allowed)
}

// opBernoulli draws 1 with the probability that the element has, else 0.
var opBernoulli = &Op{
	Name: "bernoulli", Type: "Bernoulli", Since: 15,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, floatTypes...); err != nil {
			return nil, err
		}
		d, err := bernoulliType(n, in)
		return []graph.Arg{{DType: d, Shape: in[0].Shape}}, err
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		d, err := bernoulliType(n, in)
		if err != nil {
			return nil, err
		}
		seed, err := seedOf(n)
		if err != nil {
			return nil, err
		}
		one := tensor.New(d, 1)
		err = buildCast(n, tensor.Float32, d, tensor.ToSmall(d, true, "")).Run([]*tensor.Tensor{tensor.Of([]float32{1}, 1)}, []*tensor.Tensor{one}, nil)
		name := n.String()
		return kernelFunc(func(in, out []*tensor.Tensor) error {
			var r randomSource
			r.seed(seed)
			clear(out[0].Bytes)
			size := d.Size()
			for i := range in[0].Len() {
				p := floatAt(in[0], i)
				if !(p >= 0 && p <= 1) {
					return inputErr(name, "probability %g of element %d", p, i)
				}
				if r.uniform() < p {
					copy(out[0].Bytes[i*size:], one.Bytes)
				}
			}
			return nil
		}), err
	},
}

var floatTypes = []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16}

func bernoulliType(n *graph.Node, in []graph.Arg) (tensor.DType, error) {
	return typeAttr(n, in[0].DType, tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16, tensor.Bool, tensor.Int8, tensor.Int16,
		tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64)
}

// opMultinomial draws classes from rows of unnormalised log-probabilities. The probabilities are those of Softmax in float32, added up in
// ascending order in float64; a draw is the first class whose sum exceeds a uniform number.
var opMultinomial = &Op{
	Name: "multinomial", Type: "Multinomial", Since: 7,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 1); err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 0, floatTypes...); err != nil {
			return nil, err
		}
		if len(in[0].Shape) != 2 || in[0].Shape[1] == 0 {
			return nil, modelErr(n, "input 0 has shape %v, expected rows of classes", in[0].Shape)
		}
		draws, err := n.IntAttr("sample_size", 1)
		if err != nil {
			return nil, err
		}
		shape := []int{in[0].Shape[0], int(draws)}
		if _, ok := tensor.Elements(shape); !ok || draws > math.MaxInt32 {
			return nil, modelErr(n, "attribute \"sample_size\" is %d", draws)
		}
		d, err := typeAttr(n, tensor.Int32, tensor.Int32, tensor.Int64)
		return []graph.Arg{{DType: d, Shape: shape}}, err
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		seed, err := seedOf(n)
		return multinomial{n.String(), seed}, err
	},
}

type multinomial struct {
	node string
	seed uint32
}

// ScratchBytes implements graph.ScratchKernel: the sums of one row, then its probabilities.
func (multinomial) ScratchBytes(args []graph.Arg) int { return 12 * args[0].Shape[1] }

// Run implements graph.Kernel.
func (k multinomial) Run(in, out []*tensor.Tensor, scratch []byte) error {
	var r randomSource
	r.seed(k.seed)
	classes, draws := in[0].Shape[1], out[0].Shape[1]
	sums, p := words[float64](scratch[:8*classes]), floats(scratch[8*classes:])
	for row := range in[0].Shape[0] {
		for c := range classes {
			p[c] = float32(floatAt(in[0], row*classes+c))
		}
		kernels.SoftmaxF32(p, p, 1, classes)
		total := 0.0
		for c, v := range p {
			total += float64(v)
			sums[c] = total
		}
		if !(total > 0) {
			return inputErr(k.node, "row %d has no probabilities", row)
		}
		for i := range draws {
			u, class, above := float64(r.uniform()*total), 0, classes-1
			for class < above {
				if middle := (class + above) / 2; sums[middle] > u {
					above = middle
				} else {
					class = middle + 1
				}
			}
			if at := row*draws + i; out[0].DType == tensor.Int64 {
				tensor.Data[int64](out[0])[at] = int64(class)
			} else {
				tensor.Data[int32](out[0])[at] = int32(class)
			}
		}
	}
	return nil
}
