package keras

import (
	"encoding/json"
	"math"

	"github.com/hotpath/hotpath/graph"
)

// activations is every activation function that is read, by the name Keras gives it; a new one is a row.
var activations = map[string]func(b *builder, x string) string{
	"linear":       func(_ *builder, x string) string { return x },
	"relu":         operator("Relu"),
	"sigmoid":      operator("Sigmoid"),
	"tanh":         operator("Tanh"),
	"softmax":      operator("Softmax"),
	"log_softmax":  operator("LogSoftmax"),
	"softplus":     operator("Softplus"),
	"softsign":     operator("Softsign"),
	"elu":          operator("Elu"),
	"celu":         operator("Celu"),
	"selu":         operator("Selu"),
	"mish":         operator("Mish"),
	"exponential":  operator("Exp"),
	"hard_silu":    operator("HardSwish"),
	"hard_swish":   operator("HardSwish"),
	"silu":         silu,
	"swish":        silu,
	"gelu":         gelu,
	"relu6":        func(b *builder, x string) string { return b.add("Clip", nil, x, b.scalar(0), b.scalar(6)) },
	"leaky_relu":   func(b *builder, x string) string { return b.leaky(x, 0.2) },
	"hard_sigmoid": hardSigmoid,
}

// operator is an activation that ONNX has with Keras' defaults.
func operator(op string) func(b *builder, x string) string {
	return func(b *builder, x string) string { return b.add(op, nil, x) }
}

func silu(b *builder, x string) string { return b.add("Mul", nil, x, b.add("Sigmoid", nil, x)) }

// gelu is x/2·(1 + erf(x/√2)), as exporters write it.
func gelu(b *builder, x string) string {
	e := b.add("Erf", nil, b.add("Div", nil, x, b.scalar(math.Sqrt2)))
	return b.add("Mul", nil, b.add("Mul", nil, x, b.add("Add", nil, e, b.scalar(1))), b.scalar(0.5))
}

// hardSigmoid is relu6(x + 3)/6 in Keras 3, and was x/5 + ½ between 0 and 1 before.
func hardSigmoid(b *builder, x string) string {
	alpha := float32(1.0 / 6)
	if b.major < 3 {
		alpha = 0.2
	}
	return b.add("HardSigmoid", map[string]graph.Attr{"alpha": graph.Float32(alpha), "beta": graph.Float32(0.5)}, x)
}

// checkActivation makes a problem of a function that is not known.
func (b *builder) checkActivation(config *layerConfig) {
	if len(config.Activation) == 0 || string(config.Activation) == "null" {
		return
	}
	var name string
	if json.Unmarshal(config.Activation, &name) != nil { // an object: a function or a layer with settings of its own
		b.problems.add("layer %q: activation %s", config.Name, config.Activation)
	} else if activations[name] == nil {
		b.problems.add("activation %s", name)
	}
}

// activation applies a function by name, which checkActivation has seen; none where it is null.
func (b *builder) activation(raw json.RawMessage, x value) (value, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return x, nil
	}
	var name string
	if err := json.Unmarshal(raw, &name); err != nil {
		return value{}, err
	}
	x.name = activations[name](b, x.name)
	return x, nil
}
