package ops_test

import (
	"slices"

	"github.com/hotpath/hotpath/graph/tensor"
)

// float64Cases are those of float32 for operators that also compute in float64.
var float64Cases = inFloat64(slices.Concat(basicCases, normCases, attentionCases, recurrentCases, mathsCases), "LayerNormalization", "RMSNormalization", "InstanceNormalization",
	"GroupNormalization", "BatchNormalization", "LRN", "Attention", "RNN", "GRU", "LSTM")

func inFloat64(list []opCase, operators ...string) (wide []opCase) {
	for _, c := range list {
		if !slices.Contains(operators, c.op) || c.wantErr != nil || c.in[0].DType != tensor.Float32 {
			continue
		}
		if c.op == "Attention" && (c.name == "weights" || c.name == "masks") {
			continue // logarithms rounded to float32
		}
		c.name += " in float64"
		c.in, c.want = widen(c.in), widen(c.want)
		if c.op == "LayerNormalization" { // whose statistics stay float32
			for i := 1; i < len(c.want); i++ {
				c.want[i] = nil
			}
		}
		wide = append(wide, c)
	}
	return wide
}

func widen(list []*tensor.Tensor) []*tensor.Tensor {
	list = slices.Clone(list)
	for i, x := range list {
		if x == nil || x.DType != tensor.Float32 {
			continue
		}
		list[i] = tensor.New(tensor.Float64, x.Shape...)
		for j, v := range tensor.Data[float32](x) {
			tensor.Data[float64](list[i])[j] = float64(v)
		}
	}
	return list
}
