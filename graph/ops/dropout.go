package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opDropout passes its value through, unless input 2, training_mode, is true: then each element is 0 with the probability of input 1, and
// the others are divided by what is left of 1. Output 1 says which elements stay. Every run drops the same ones: those of attribute "seed",
// 0 where it is missing, in the order of the generator that the definition's reference uses.
var opDropout = &Op{
	Name: "dropout", Type: "Dropout", Since: 7,
	Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
		return !present(in, 2) && len(n.Outputs) == 1 && rowsFirst(n, in, rows)
	},
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 1, 3); err != nil {
			return nil, err
		}
		if present(in, 1) {
			if size, ok := tensor.Elements(in[1].Shape); !ok || size != 1 || !isNumber(in[1].DType) {
				return nil, modelErr(n, "a ratio of %s %v, expected one number", in[1].DType, in[1].Shape)
			}
		}
		if present(in, 2) {
			if size, ok := tensor.Elements(in[2].Shape); !ok || size != 1 || in[2].DType != tensor.Bool {
				return nil, modelErr(n, "a training_mode of %s %v, expected one bool", in[2].DType, in[2].Shape)
			}
			if err := wantDType(n, in, 0, tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16); err != nil {
				return nil, err
			}
		}
		if len(n.Outputs) > 1 && n.Opset > 0 && n.Opset < 10 {
			return nil, unsupported(n, "the mask output of opset %d", n.Opset)
		}
		_, err := n.IntAttr("seed", 0)
		return []graph.Arg{{DType: in[0].DType, Shape: in[0].Shape}, {DType: tensor.Bool, Shape: in[0].Shape}}[:max(1, min(2, len(n.Outputs)))], err
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		seed, err := n.IntAttr("seed", 0)
		return dropoutKernel{n.String(), seed, present(in, 1), present(in, 2)}, err
	},
}

type dropoutKernel struct {
	name                  string
	seed                  int64
	hasRatio, hasTraining bool
}

// Run implements graph.Kernel.
func (k dropoutKernel) Run(in, out []*tensor.Tensor, _ []byte) error {
	var mask []bool
	if len(out) > 1 && out[1] != nil {
		mask = tensor.Data[bool](out[1])
	}
	ratio := [1]float64{0.5}
	if k.hasRatio {
		loadFloat64(ratio[:], in[1], 0)
	}
	if !(k.hasTraining && tensor.Data[bool](in[2])[0]) || ratio[0] == 0 {
		copyElements(out[0], in[0])
		fill(mask, true)
		return nil
	}
	if !(ratio[0] > 0 && ratio[0] < 1) {
		return inputErr(k.name, "a ratio of %v, expected 0 to less than 1", ratio[0])
	}
	scale := 1 / (1 - ratio[0])
	if in[0].DType != tensor.Float64 {
		scale = float64(float32(1 / (1 - float32(ratio[0]))))
	}
	var random mersenneTwister
	random.seed(uint32(k.seed))
	var block [elementBlock]float64
	for at := 0; at < in[0].Len(); at += elementBlock {
		x := block[:min(elementBlock, in[0].Len()-at)]
		loadFloat64(x, in[0], at)
		for i, v := range x {
			keep := random.float64() >= ratio[0]
			if mask != nil {
				mask[at+i] = keep
			}
			switch {
			case keep:
				x[i] = v * scale
			case v == v && !math.IsInf(v, 0):
				x[i] = 0
			default:
				x[i] = math.NaN() // 0 · Inf
			}
		}
		storeFloats(out[0], at, x)
	}
	return nil
}

// mersenneTwister is MT19937 (Matsumoto and Nishimura, "Mersenne Twister: a 623-dimensionally equidistributed uniform pseudo-random number
// generator", 1998), with the initialisation of 2002: what NumPy's legacy generator is.
type mersenneTwister struct {
	state [624]uint32
	next  int
}

func (m *mersenneTwister) seed(s uint32) {
	for i := range m.state {
		m.state[i] = s
		s = 1812433253*(s^s>>30) + uint32(i) + 1
	}
	m.next = len(m.state)
}

func (m *mersenneTwister) uint32() uint32 {
	n := len(m.state)
	if m.next == n {
		for i := range m.state {
			y := m.state[i]&(1<<31) | m.state[(i+1)%n]&(1<<31-1)
			v := m.state[(i+397)%n] ^ y>>1
			if y&1 != 0 {
				v ^= 0x9908b0df
			}
			m.state[i] = v
		}
		m.next = 0
	}
	y := m.state[m.next]
	m.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// float64 is uniform in [0, 1), with 53 bits.
func (m *mersenneTwister) float64() float64 {
	a, b := m.uint32()>>5, m.uint32()>>6
	return float64(uint64(a)<<26|uint64(b)) / (1 << 53)
}
