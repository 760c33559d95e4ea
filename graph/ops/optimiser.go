package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// domainTraining is where ONNX keeps the steps of optimisers.
const domainTraining = "ai.onnx.preview.training"

// Steps of optimisers. Inputs are the learning rate, the number of updates so far, then all tensors X that are optimised, all their
// gradients, and all states of one kind after the other; outputs are the new X and the new states. Factors that are the same for all
// elements are computed in float64; each operation on elements is rounded once.
var (
	opAdagrad  = optimiserOp("adagrad", "Adagrad", 1, readAdagrad, adagrad[float32], adagrad[float64])
	opAdam     = optimiserOp("adam", "Adam", 2, readAdam, adam[float32], adam[float64])
	opMomentum = optimiserOp("momentum", "Momentum", 1, readMomentum, momentum[float32], momentum[float64])
)

// factors are the coefficients of a step; each optimiser uses some.
type factors[T float32 | float64] struct {
	rate, norm, alpha, beta, alphaRest, betaRest, epsilon, post T
	nesterov                                                    bool
}

func narrowed(f factors[float64]) factors[float32] {
	return factors[float32]{float32(f.rate), float32(f.norm), float32(f.alpha), float32(f.beta), float32(f.alphaRest), float32(f.betaRest),
		float32(f.epsilon), float32(f.post), f.nesterov}
}

// update computes the new value and states of an element; b is that of the second state.
type update[T float32 | float64] func(f factors[T], x, gradient, a, b T) (newX, newA, newB T)

func adagrad[T float32 | float64](f factors[T], x, g, h, _ T) (T, T, T) {
	g = T(f.norm*x) + g
	h += T(g * g)
	return x - T(f.rate*g)/(root(h)+f.epsilon), h, 0
}

func adam[T float32 | float64](f factors[T], x, g, v, h T) (T, T, T) {
	g = T(f.norm*x) + g
	v = T(f.alpha*v) + T(f.alphaRest*g)
	h = T(f.beta*h) + T(f.betaRest*T(g*g))
	return f.post * (x - T(f.rate*(v/(root(h)+f.epsilon)))), v, h
}

func momentum[T float32 | float64](f factors[T], x, g, v, _ T) (T, T, T) {
	g = T(f.norm*x) + g
	v = T(f.alpha*v) + T(f.beta*g)
	if f.nesterov {
		return x - T(f.rate*(g+T(f.alpha*v))), v, 0
	}
	return x - T(f.rate*v), v, 0
}

// root is correctly rounded for float32 too.
func root[T float32 | float64](v T) T { return T(math.Sqrt(float64(v))) }

// schedule gives the factors of the step after t updates at a learning rate.
type schedule func(rate float64, t int64) factors[float64]

// floatsOf reads attributes with their defaults.
func floatsOf(n *graph.Node, names []string, defaults ...float32) (v []float64, err error) {
	for i, name := range names {
		f, e := n.FloatAttr(name, defaults[i])
		if e != nil {
			err = e
		}
		v = append(v, float64(f))
	}
	return v, err
}

func readAdagrad(n *graph.Node) (schedule, error) {
	v, err := floatsOf(n, []string{"norm_coefficient", "decay_factor", "epsilon"}, 0, 0, 1e-6)
	return func(rate float64, t int64) factors[float64] {
		return factors[float64]{rate: rate / (1 + float64(float64(t)*v[1])), norm: v[0], epsilon: v[2]}
	}, err
}

func readAdam(n *graph.Node) (schedule, error) {
	v, err := floatsOf(n, []string{"norm_coefficient", "alpha", "beta", "epsilon", "norm_coefficient_post"}, 0, 0.9, 0.999, 1e-6, 0)
	return func(rate float64, t int64) factors[float64] {
		if t > 0 { // the first updates lack a history
			rate = rate * math.Sqrt(1-integerPower(v[2], t)) / (1 - integerPower(v[1], t))
		}
		return factors[float64]{rate: rate, norm: v[0], alpha: v[1], alphaRest: 1 - v[1], beta: v[2], betaRest: 1 - v[2], epsilon: v[3], post: 1 - v[4]}
	}, err
}

func readMomentum(n *graph.Node) (schedule, error) {
	v, err := floatsOf(n, []string{"norm_coefficient", "alpha", "beta"}, 0, 0, 0)
	if err != nil {
		return nil, err
	}
	mode, err := n.StringAttr("mode", "")
	if err == nil && mode != "standard" && mode != "nesterov" {
		err = modelErr(n, "attribute \"mode\" is %q, expected \"standard\" or \"nesterov\"", mode)
	}
	return func(rate float64, t int64) factors[float64] {
		f := factors[float64]{rate: rate, norm: v[0], alpha: v[1], beta: v[2], nesterov: mode == "nesterov"}
		if t <= 0 {
			f.beta = 1
		}
		return f
	}, err
}

// integerPower is v^t for t ≥ 0, by squaring.
func integerPower(v float64, t int64) float64 {
	r := 1.0
	for ; t > 0; t >>= 1 {
		if t&1 != 0 {
			r *= v
		}
		v *= v
	}
	return r
}

func optimiserOp(name, opType string, states int, read func(*graph.Node) (schedule, error), f32 update[float32], f64 update[float64]) *Op {
	return &Op{
		Name: name, Domain: domainTraining, Type: opType, Since: 1, MinInputs: 4 + states,
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if _, err := read(n); err != nil {
				return nil, err
			}
			if err := arity(n, in, len(in), len(in)); err != nil {
				return nil, err
			}
			count := (len(in) - 2) / (2 + states)
			if len(in) < 4+states || (len(in)-2)%(2+states) != 0 {
				return nil, modelErr(n, "%d inputs, expected 2 and %d for each tensor", len(in), 2+states)
			}
			if err := wantDType(n, in, 0, tensor.Float32, tensor.Float64); err != nil {
				return nil, err
			}
			rate, _ := tensor.Elements(in[0].Shape)
			updates, _ := tensor.Elements(in[1].Shape)
			if in[1].DType != tensor.Int64 || rate != 1 || updates != 1 {
				return nil, modelErr(n, "a learning rate of shape %v and a count of %s %v, expected scalars", in[0].Shape, in[1].DType, in[1].Shape)
			}
			for i := range in[2:] {
				x, a := in[2+i%count], in[2+i]
				if err := wantDType(n, in, 2+i, tensor.Float32, tensor.Float64); err != nil {
					return nil, err
				}
				if a.DType != x.DType || !slices.Equal(a.Shape, x.Shape) {
					return nil, modelErr(n, "input %d is %s %v, expected %s %v", 2+i, a.DType, a.Shape, x.DType, x.Shape)
				}
			}
			var out []graph.Arg
			for i := range (1 + states) * count {
				x := in[2+i%count]
				out = append(out, graph.Arg{DType: x.DType, Shape: x.Shape})
			}
			return out, nil
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			s, err := read(n)
			count := (len(in) - 2) / (2 + states)
			return kernelFunc(func(in, out []*tensor.Tensor) error {
				f := s(floatAt(in[0], 0), intAt(in[1], 0))
				for i := range count {
					if in[2+i].DType == tensor.Float64 {
						updateAll(f64, f, in[2+i:], out[i:], count, states)
					} else {
						updateAll(f32, narrowed(f), in[2+i:], out[i:], count, states)
					}
				}
				return nil
			}), err
		},
	}
}

// updateAll updates the first tensor of in; what belongs to it lies count tensors apart, in and out.
func updateAll[T float32 | float64](u update[T], f factors[T], in, out []*tensor.Tensor, count, states int) {
	x, g, a := tensor.Data[T](in[0]), tensor.Data[T](in[count]), tensor.Data[T](in[2*count])
	newX, newA := tensor.Data[T](out[0]), tensor.Data[T](out[count])
	if states == 1 {
		for i := range x {
			newX[i], newA[i], _ = u(f, x[i], g[i], a[i], 0)
		}
		return
	}
	b, newB := tensor.Data[T](in[3*count]), tensor.Data[T](out[2*count])
	for i := range x {
		newX[i], newA[i], newB[i] = u(f, x[i], g[i], a[i], b[i])
	}
}
