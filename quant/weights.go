package quant

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/passes"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// WeightScheme is how Weights stores constant weights; activations stay f32.
type WeightScheme struct {
	Name  string // in the metadata and the report: "w8", "w4", "f16"
	Bits  int    // 8 or 4: com.microsoft MatMulNBits; 16: half floats behind a Cast
	Block int    // weights along K that share a scale
	// Accuracy is the accuracy_level of MatMulNBits: 0, or 4 to allow activations of 8 bits while running.
	Accuracy int64
}

// opsetMicrosoft is the version of com.microsoft, which has had one only.
const opsetMicrosoft = 1

// Weights rewrites every Gemm and MatMul with constant f32 weights to weights of the scheme: 4 bits with a zero point per block, 8 bits
// symmetric, or half floats where the matrix is large (passes.MinHalfWeights) and in their range. With samples, complete model inputs,
// the report says how far the answers moved.
func Weights(m *graph.Model, s WeightScheme, samples [][]*tensor.Tensor) (*graph.Model, *Report, error) {
	m, err := passes.Standard(m)
	if err != nil {
		return nil, nil, err
	}
	sites, err := findSites(&m.Graph)
	if err != nil {
		return nil, nil, err
	}
	q, report := m.Clone(), &Report{}
	for _, at := range sites {
		if at.node.Op == "Conv" {
			continue
		}
		var layer Layer
		changed := true
		if s.Bits == 16 {
			layer, changed = rewriteHalf(&q.Graph, at)
		} else {
			layer = rewriteNBits(&q.Graph, at, s)
		}
		if changed {
			report.Layers = append(report.Layers, layer)
		}
	}
	if len(report.Layers) == 0 {
		return nil, nil, fmt.Errorf("the model has no Gemm or MatMul with constant float weights that %s applies to: %w", s.Name, ErrNothing)
	}
	if q.Metadata == nil {
		q.Metadata = map[string]string{}
	}
	q.Metadata[MetadataScheme] = s.Name
	if s.Bits != 16 {
		q.Opsets[graph.DomainMicrosoft] = opsetMicrosoft
	}
	dropUnusedConstants(&q.Graph)
	if err := q.Graph.Check(); err != nil {
		return nil, nil, err
	}
	report.BytesBefore, report.BytesAfter = constantBytes(&m.Graph), constantBytes(&q.Graph)
	if len(samples) == 0 {
		return q, report, nil
	}
	return q, report, compare(m, q, samples, report)
}

// siteName is a node's name, or what it makes.
func siteName(n *graph.Node) string {
	if n.Name != "" {
		return n.Name
	}
	return n.Outputs[0]
}

// rewriteNBits replaces a product by MatMulNBits, and Add for its bias.
func rewriteNBits(g *graph.Graph, s *site, scheme WeightScheme) Layer {
	name := siteName(s.node)
	prefix := name + "." + scheme.Name + "."
	k, cols := s.weights.Shape[0], s.weights.Shape[1]
	b, snr := quantizeNBits(tensor.Data[float32](s.weights), k, cols, scheme)
	set := func(suffix string, t *tensor.Tensor) string {
		g.Initializers[prefix+suffix] = t
		return prefix + suffix
	}
	node := nodeOf(g, s.node)
	inputs := []string{node.Inputs[0], set("w", tensor.Of(b.Q, cols, b.Blocks(), b.Block*b.Bits/8)), set("scale", tensor.Of(b.Scale, cols*b.Blocks()))}
	if b.Zero != nil {
		inputs = append(inputs, set("zero", tensor.Of(b.Zero, len(b.Zero))))
	}
	if s.bias != nil {
		product := prefix + "product"
		g.Nodes = append(g.Nodes, &graph.Node{Name: prefix + "bias", Op: "Add", Outputs: node.Outputs,
			Inputs: []string{product, set("b", tensor.Of(s.bias, cols))}, Attrs: map[string]graph.Attr{}})
		node.Outputs = []string{product}
	}
	node.Domain, node.Op, node.Inputs, node.Opset = graph.DomainMicrosoft, "MatMulNBits", inputs, opsetMicrosoft
	node.Attrs = map[string]graph.Attr{"K": graph.Int(int64(k)), "N": graph.Int(int64(cols)), "bits": graph.Int(int64(b.Bits)), "block_size": graph.Int(int64(b.Block))}
	if scheme.Accuracy != 0 {
		node.Attrs["accuracy_level"] = graph.Int(scheme.Accuracy)
	}
	return Layer{Name: name, Inputs: k, Outputs: cols, WeightSNR: snr}
}

// rewriteHalf makes the weights of a product half floats, unless they are few or beyond ±65504.
func rewriteHalf(g *graph.Graph, s *site) (Layer, bool) {
	node := nodeOf(g, s.node)
	w := g.Initializers[node.Inputs[1]]
	if len(w.Bytes)/2 < passes.MinHalfWeights {
		return Layer{}, false
	}
	half := tensor.New(tensor.Float16, w.Shape...)
	var e noise
	for i, v := range tensor.Data[float32](w) {
		h := kernels.F32ToF16(v)
		r := kernels.F16ToF32(h)
		if r-r != 0 {
			return Layer{}, false
		}
		binary.LittleEndian.PutUint16(half.Bytes[2*i:], h)
		e.add(float64(v), float64(r))
	}
	name, from := siteName(s.node), node.Inputs[1]
	node.Inputs[1] = from + ".f32"
	if _, done := g.Initializers[from+".f16"]; !done { // weights may be shared
		g.Initializers[from+".f16"] = half
		g.Nodes = append(g.Nodes, &graph.Node{Name: from + ".cast", Op: "Cast", Inputs: []string{from + ".f16"}, Outputs: []string{node.Inputs[1]},
			Attrs: map[string]graph.Attr{"to": graph.Int(int64(tensor.Float32.ONNX()))}})
	}
	return Layer{Name: name, Inputs: s.weights.Shape[0], Outputs: s.weights.Shape[1], WeightSNR: e.snr()}, true
}

// noise sums the squares of values and of what rounding changed.
type noise struct{ signal, error float64 }

func (n *noise) add(v, rounded float64) {
	n.signal += float64(v * v)
	n.error += float64((v - rounded) * (v - rounded))
}

// snr is the signal-to-noise ratio in dB, 0 where nothing was lost.
func (n *noise) snr() float64 {
	if n.error > 0 && n.signal > 0 {
		return 10 * math.Log10(n.signal/n.error)
	}
	return 0
}

// minBlock is the smallest block of MatMulNBits.
const minBlock = 16

// shrinks are the shares of a block's range tried for few bits: losing an extreme may gain more on the others.
var shrinks = []float64{1, 0.95, 0.9, 0.85, 0.8, 0.75}

// quantizeNBits rounds w[K,N] to blocks of the scheme, each with the range of least squared error.
func quantizeNBits(w []float32, k, cols int, scheme WeightScheme) (*kernels.NBits, float64) {
	b := &kernels.NBits{K: k, N: cols, Bits: scheme.Bits, Block: scheme.Block}
	for b.Block > minBlock && b.Block/2 >= k {
		b.Block /= 2 // what lies beyond K would only be padding
	}
	blocks, bytes := b.Blocks(), b.Block*b.Bits/8
	b.Q, b.Scale = make([]uint8, cols*blocks*bytes), make([]float32, cols*blocks)
	zeroBytes, tries := (blocks*b.Bits+7)/8, shrinks[:1]
	if b.Bits == 4 {
		b.Zero, tries = make([]uint8, cols*zeroBytes), shrinks
	}
	var total noise
	values, best := make([]float64, 0, b.Block), make([]int, b.Block)
	for c := range cols {
		for i := range blocks {
			values = values[:0]
			lo, hi := 0.0, 0.0
			for r := i * b.Block; r < min((i+1)*b.Block, k); r++ {
				v := float64(w[r*cols+c])
				values, lo, hi = append(values, v), min(lo, v), max(hi, v)
			}
			bestError := math.Inf(1)
			var bestScale float32
			bestZero := 0
			for _, shrink := range tries {
				scale, zero := blockParams(float64(lo*shrink), float64(hi*shrink), b.Bits)
				e := 0.0
				for _, v := range values {
					d := v - float64(float64(roundNBits(v, scale, zero, b.Bits)-zero)*float64(scale))
					e += float64(d * d)
				}
				if e < bestError {
					bestError, bestScale, bestZero = e, scale, zero
				}
			}
			b.Scale[c*blocks+i] = bestScale
			for j, v := range values {
				best[j] = roundNBits(v, bestScale, bestZero, b.Bits)
				total.add(v, float64(float64(best[j]-bestZero)*float64(bestScale)))
			}
			out := b.Q[(c*blocks+i)*bytes:]
			for j := range b.Block {
				q := bestZero // beyond K
				if j < len(values) {
					q = best[j]
				}
				out[j*b.Bits/8] |= uint8(q << (j * b.Bits % 8))
			}
			if b.Zero != nil {
				b.Zero[c*zeroBytes+i*b.Bits/8] |= uint8(bestZero << (i * b.Bits % 8))
			}
		}
	}
	return b, total.snr()
}

// blockParams are scale and zero point for values in lo…hi, which contains 0: for 8 bits symmetric around 128.
func blockParams(lo, hi float64, bits int) (scale float32, zero int) {
	if bits == 8 {
		if scale = float32(max(-lo, hi) / 127); !(scale > 0) {
			scale = 1
		}
		return scale, 128
	}
	top := float64(int(1)<<bits - 1)
	if scale = float32((hi - lo) / top); !(scale > 0) {
		return 1, 0
	}
	return scale, int(max(0, min(top, math.RoundToEven(-lo/float64(scale)))))
}

// roundNBits is the nearest unsigned value that stands for v.
func roundNBits(v float64, scale float32, zero, bits int) int {
	return int(max(0, min(float64(int(1)<<bits-1), math.RoundToEven(v/float64(scale))+float64(zero))))
}
