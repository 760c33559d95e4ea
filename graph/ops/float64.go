package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Functions of float64. The exponential and the logarithm, which losses, softmax and random numbers share, are expF64 and logF64: the same
// bits on every machine. The others are package math's, whose last bits may differ between machines (internal/check leaves this file out):
// few models compute in float64, and no other operator is made of these.

// scalarFunc makes a function of one number from a node's attributes.
type scalarFunc func(n *graph.Node) (func(float64) float64, error)

// float64Functions are the unary operators that are not exact.
var float64Functions = map[*Op]scalarFunc{
	opExp: always(expF64), opLog: always(logF64), opErf: always(math.Erf), opTanh: always(math.Tanh), opSigmoid: always(sigmoid),
	opSin: always(math.Sin), opCos: always(math.Cos), opTan: always(math.Tan), opAsin: always(math.Asin), opAcos: always(math.Acos),
	opAtan: always(math.Atan), opSinh: always(math.Sinh), opCosh: always(math.Cosh), opAsinh: always(math.Asinh),
	opAcosh: always(math.Acosh), opAtanh: always(math.Atanh), opSoftplus: always(softplus),
	opSoftsign:  always(func(v float64) float64 { return v / (1 + math.Abs(v)) }),
	opMish:      always(func(v float64) float64 { return v * math.Tanh(softplus(v)) }),
	opHardSwish: always(func(v float64) float64 { return v * clamped(float64(v/6)+0.5, 0, 1) }),
	opHardSigmoid: withAttrs(func(a []float64) func(float64) float64 {
		return func(v float64) float64 { return clamped(float64(a[0]*v)+a[1], 0, 1) }
	}, "alpha", 0.2, "beta", 0.5),
	opLeakyRelu: withAttrs(func(a []float64) func(float64) float64 {
		return func(v float64) float64 {
			if v < 0 {
				return a[0] * v
			}
			return v
		}
	}, "alpha", 0.01),
	opElu:  withAttrs(func(a []float64) func(float64) float64 { return elu(a[0], 1, 1) }, "alpha", 1),
	opCelu: withAttrs(func(a []float64) func(float64) float64 { return elu(a[0], a[0], 1) }, "alpha", 1),
	opSelu: withAttrs(func(a []float64) func(float64) float64 { return elu(a[0], 1, a[1]) },
		"alpha", 1.67326319217681884765625, "gamma", 1.05070102214813232421875),
	opThresholdedRelu: withAttrs(func(a []float64) func(float64) float64 {
		return func(v float64) float64 {
			if v > a[0] {
				return v
			}
			return 0
		}
	}, "alpha", 1),
	opShrink: withAttrs(func(a []float64) func(float64) float64 {
		return func(v float64) float64 {
			switch {
			case v < -a[1]:
				return v + a[0]
			case v > a[1]:
				return v - a[0]
			}
			return 0
		}
	}, "bias", 0, "lambd", 0.5),
	opSwish: withAttrs(func(a []float64) func(float64) float64 {
		return func(v float64) float64 { return v * sigmoid(a[0]*v) }
	}, "alpha", 1),
	opGelu: func(n *graph.Node) (func(float64) float64, error) {
		form, err := n.StringAttr("approximate", "none")
		if form == "tanh" {
			return func(v float64) float64 {
				inner := v + float64(0.044715*float64(v*float64(v*v)))
				return 0.5 * v * (1 + math.Tanh(math.Sqrt(2/math.Pi)*inner))
			}, err
		}
		return func(v float64) float64 { return 0.5 * v * math.Erfc(-v/math.Sqrt2) }, err
	},
}

func init() {
	for op, f := range float64Functions {
		onFloat64Of(op, f)
	}
}

func always(f func(float64) float64) scalarFunc {
	return func(*graph.Node) (func(float64) float64, error) { return f, nil }
}

// withAttrs reads float attributes, given as names and defaults.
func withAttrs(f func(a []float64) func(float64) float64, attrs ...any) scalarFunc {
	return func(n *graph.Node) (func(float64) float64, error) {
		var values []float64
		for i := 0; i < len(attrs); i += 2 {
			var def float64
			switch d := attrs[i+1].(type) {
			case int:
				def = float64(d)
			case float64:
				def = d
			}
			v, err := n.FloatAttr(attrs[i].(string), float32(def))
			if err != nil {
				return nil, err
			}
			values = append(values, float64(v))
		}
		return f(values), nil
	}
}

// onFloat64Of lets a unary float32 operator take float64.
func onFloat64Of(op *Op, f scalarFunc) {
	infer, build := op.Infer, op.Build
	op.Infer = func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if len(in) != 1 || in[0].DType != tensor.Float64 {
			return infer(n, in)
		}
		out, err := infer(n, []graph.Arg{{DType: tensor.Float32, Shape: in[0].Shape}})
		for i := range out {
			out[i].DType = tensor.Float64
		}
		return out, err
	}
	op.Build = func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		if in[0].DType != tensor.Float64 {
			return build(n, in, pool)
		}
		run, err := f(n)
		return eachKernel(run), err
	}
}

func clamped(v, lo, hi float64) float64 {
	switch {
	case v < lo:
		return lo
	case v > hi:
		return hi
	}
	return v
}

func sigmoid(v float64) float64 {
	if v < 0 {
		e := expF64(v)
		return e / (1 + e)
	}
	return 1 / (1 + expF64(-v))
}

func softplus(v float64) float64 { return max(v, 0) + math.Log1p(expF64(-math.Abs(v))) }

// elu is scale·(alpha·(e^(v/divisor) − 1)) below 0.
func elu(alpha, divisor, scale float64) func(float64) float64 {
	return func(v float64) float64 {
		if v < 0 {
			v = alpha * math.Expm1(v/divisor)
		}
		return scale * v
	}
}

func tanhF64(v float64) float64 { return math.Tanh(v) }

// power is what Pow needs.
func power(a, b float64) float64 { return math.Pow(a, b) }

// activationFloat64 is an activation of AttrActivation by name, nil for none.
func activationFloat64(name string, alpha, beta float32) (func(float64) float64, error) {
	op := map[string]*Op{"Sigmoid": opSigmoid, "Tanh": opTanh, "Gelu": opGelu, "GeluTanh": opGelu, "Swish": opSwish, "HardSwish": opHardSwish,
		"Softplus": opSoftplus, "LeakyRelu": opLeakyRelu, "Elu": opElu, "HardSigmoid": opHardSigmoid}[name]
	switch {
	case name == "Relu":
		return reluF64, nil
	case name == "Clip":
		return func(v float64) float64 { return clamped(v, float64(alpha), float64(beta)) }, nil
	case op == nil:
		return nil, nil
	}
	attrs := map[string]graph.Attr{"alpha": graph.Float32(alpha), "beta": graph.Float32(beta)}
	if name == "GeluTanh" {
		attrs["approximate"] = graph.Str("tanh")
	}
	return float64Functions[op](&graph.Node{Op: name, Attrs: attrs})
}
