package passes_test

import (
	"math"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/passes"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
)

func gelu(x float64) float64 { return x / 2 * (1 + math.Erf(x/math.Sqrt2)) }

func geluTanh(x float64) float64 {
	return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

// layerNorm and rmsNorm are of the rows of four that the test feeds.
func layerNorm(x []float64) (y []float64) {
	mean, variance := 0.0, 0.0
	for _, v := range x {
		mean += v / 4
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / 4
	}
	for i, v := range x {
		y = append(y, (v-mean)/math.Sqrt(variance+0.001)*float64(i+1)+float64(4-i))
	}
	return y
}

func rmsNorm(x []float64) (y []float64) {
	square := 0.0
	for _, v := range x {
		square += v * v / 4
	}
	for i, v := range x {
		y = append(y, v/math.Sqrt(square+0.001)*float64(i+1))
	}
	return y
}

func hardSigmoid(x float64) float64 { return min(max(x+3, 0), 6) / 6 }

func hardSwish(x float64) float64 { return x * hardSigmoid(x) }

func each(f func(float64) float64) func([]float64) []float64 {
	return func(x []float64) (y []float64) {
		for _, v := range x {
			y = append(y, f(v))
		}
		return y
	}
}

// patterns are the ways exporters write an operator; what is left of them after Fuse is want.
var patterns = map[string]struct {
	want  string
	f     func([]float64) []float64
	nodes string
}{
	"gelu, torch": {"Gelu", each(gelu), `
		Div x sqrt2 -> a
		Erf a -> b
		Add b one -> c
		Mul x c -> d
		Mul d half -> y`},
	"gelu, half first": {"Gelu", each(gelu), `
		Mul x rsqrt2 -> a
		Erf a -> b
		Add one b -> c
		Mul x half -> h
		Mul h c -> y`},
	"gelu, half in the middle": {"Gelu", each(gelu), `
		Mul rsqrt2 x -> a
		Erf a -> b
		Add b one -> c
		Mul half c -> d
		Mul x d -> y`},
	"gelu of tanh": {"Gelu", each(geluTanh), `
		Pow x three -> p
		Mul p cubic -> q
		Add x q -> s
		Mul s rpi -> a
		Tanh a -> b
		Add b one -> c
		Mul x half -> h
		Mul h c -> y`},
	"gelu of tanh, products": {"Gelu", each(geluTanh), `
		Mul x x -> xx
		Mul x xx -> p
		Mul cubic p -> q
		Add q x -> s
		Mul rpi s -> a
		Tanh a -> b
		Add b one -> c
		Mul c x -> d
		Div d two -> y`},
	"gelu of tanh, one by one": {"Gelu", each(geluTanh), `
		Mul cubic x -> k
		Mul x k -> xx
		Mul x xx -> q
		Add x q -> s
		Mul rpi s -> a
		Tanh a -> b
		Add one b -> c
		Mul half c -> d
		Mul x d -> y`},
	"gelu of tanh, factored": {"Gelu", each(geluTanh), `
		Mul x rpi -> l
		Mul x cubic -> k
		Mul k x -> q
		Add q one -> s
		Mul l s -> a
		Tanh a -> b
		Add b one -> c
		Mul x half -> h
		Mul h c -> y`},
	"swish": {"Swish", each(func(x float64) float64 { return x / (1 + math.Exp(-1.702*x)) }), `
		Mul x quick -> a
		Sigmoid a -> b
		Mul x b -> y`},
	"layer norm": {"LayerNormalization", layerNorm, `
		ReduceMean x -> m
		Sub x m -> d
		Pow d two -> s
		ReduceMean s -> v
		Add v eps -> e
		Sqrt e -> r
		Div d r -> q
		Mul q row -> w
		Add w down -> y`},
	"layer norm, two differences": {"LayerNormalization", layerNorm, `
		ReduceMean x -> m
		Sub x m -> d
		Sub x m -> d2
		Mul d d -> s
		ReduceMean s -> v
		Add eps v -> e
		Pow e half -> r
		Reciprocal r -> i
		Mul i d2 -> q
		Mul row q -> w
		Add down w -> y`},
	"rms norm": {"RMSNormalization", rmsNorm, `
		Pow x two -> s
		ReduceMean s -> v
		Add v eps -> e
		Sqrt e -> r
		Div one r -> i
		Mul x i -> q
		Mul row q -> y`},
	"hard swish": {"HardSwish", each(hardSwish), `
		Add x three -> a
		Clip a zero six -> c
		Mul x c -> m
		Div m six -> y`},
	"hard swish, divided first": {"HardSwish", each(hardSwish), `
		Add three x -> a
		Clip a zero six -> c
		Div c six -> d
		Mul d x -> y`},
	"hard sigmoid": {"Mul HardSigmoid Mul", each(func(x float64) float64 { return x * x * hardSigmoid(x) }), `
		Mul x x -> xx
		Add x three -> a
		Clip a zero six -> c
		Div c six -> d
		Mul d xx -> y`},
	"affine": {"Affine", each(func(x float64) float64 { return 3*x + 0.5 }), `
		Mul three x -> a
		Add half a -> y`},
	// What only looks like one of them.
	"another factor": {"Mul Erf Add Mul Mul", each(func(x float64) float64 { return x / 2 * (1 + math.Erf(x/2)) }), `
		Mul x half -> a
		Erf a -> b
		Add b one -> c
		Mul x c -> d
		Mul d half -> y`},
	"another value": {"Mul Mul Erf Add Mul Mul", each(func(x float64) float64 { return x * x / 2 * (1 + math.Erf(x/math.Sqrt2)) }), `
		Mul x rsqrt2 -> a
		Erf a -> b
		Add b one -> c
		Mul x x -> xx
		Mul xx c -> d
		Mul d half -> y`},
	"another bound": {"Add Clip Mul Div", each(func(x float64) float64 { return x * min(max(x+3, 0), 3) / 6 }), `
		Add x three -> a
		Clip a zero three -> c
		Mul x c -> m
		Div m six -> y`},
	"another root": {"Pow ReduceMean Add Pow Div Mul", func(x []float64) (y []float64) {
		square := 0.001
		for _, v := range x {
			square += v * v / 4
		}
		for i, v := range x {
			y = append(y, v/(square*square)*float64(i+1))
		}
		return y
	}, `
		Pow x two -> s
		ReduceMean s -> v
		Add v eps -> e
		Pow e two -> r
		Div x r -> q
		Mul q row -> y`},
}

func TestPatterns(t *testing.T) {
	number := func(v float32) *tensor.Tensor { return tensor.Of([]float32{v}) }
	for name, p := range patterns {
		m := attentionModel(p.nodes)
		m.Graph.Inputs = []graph.Value{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 4}}}
		m.Graph.Initializers = map[string]*tensor.Tensor{
			"one": number(1), "two": number(2), "three": number(3), "half": number(0.5), "sqrt2": number(math.Sqrt2), "rsqrt2": number(0.70711),
			"cubic": number(0.044715), "rpi": number(0.7978846), "quick": number(1.702), "eps": number(0.001),
			"zero": number(0), "six": number(6),
			"row": tensor.Of([]float32{1, 2, 3, 4}, 4), "down": tensor.Of([]float32{4, 3, 2, 1}, 4),
		}
		for _, n := range m.Graph.Nodes {
			if n.Op == "ReduceMean" {
				n.Opset, n.Attrs["axes"] = 13, graph.Ints(-1)
			}
		}
		fused, err := passes.Standard(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := passes.Fuse(fused); err != nil {
			t.Fatal(err)
		}
		if got := opNames(fused); got != p.want {
			t.Errorf("%s: nodes are %s, expected %s", name, got, p.want)
		}
		c, err := plan.Compile(m, plan.Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		x := []float32{-1.5, 0.25, 2, 0.5, 3, -0.125, -4, 1}
		out := c.NewOutputs()
		if err := c.Run([]*tensor.Tensor{tensor.Of(x, 2, 4)}, out); err != nil {
			t.Fatal(err)
		}
		for row := range 2 {
			var in []float64
			for _, v := range x[4*row : 4*row+4] {
				in = append(in, float64(v))
			}
			for i, want := range p.f(in) {
				if got := float64(tensor.Data[float32](out[0])[4*row+i]); math.Abs(got-want) > 2e-5*max(1, math.Abs(want)) {
					t.Errorf("%s: element %d of row %d is %v, expected %v", name, i, row, got, want)
				}
			}
		}
	}
}
