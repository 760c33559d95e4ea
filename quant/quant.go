// Package quant turns float models into integer ones: it watches the values that flow into matrix products on
// calibration data, chooses scales, and writes the result as ONNX QuantizeLinear/DequantizeLinear pairs, which every
// runtime reads and graph/passes turns into integer kernels.
package quant

import (
	"errors"
	"fmt"
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/passes"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/graph/train"
)

// ErrNothing says that a model has no operator the scheme applies to.
var ErrNothing = errors.New("nothing to quantize")

// MetadataScheme is the ONNX metadata key of the scheme a model was quantised with.
const MetadataScheme = "hotpath.quant.scheme"

// Layer reports what quantising did to one matrix product.
type Layer struct {
	Name      string  `json:"name"`
	Inputs    int     `json:"inputs"`
	Outputs   int     `json:"outputs"`
	ActMin    float32 `json:"activation_min"`
	ActMax    float32 `json:"activation_max"`
	WeightSNR float64 `json:"weight_snr_db"`
}

// Report is what Int8 did and what it cost on the calibration data.
type Report struct {
	Layers      []Layer `json:"layers"`
	Rows        int     `json:"calibration_rows"`
	BytesBefore int64   `json:"weight_bytes_before"`
	BytesAfter  int64   `json:"weight_bytes_after"`
	MaxAbsDiff  float64 `json:"max_abs_diff"`     // between the first outputs of both models
	Agreement   float64 `json:"argmax_agreement"` // share of rows with the same decision
}

// site is a Gemm, MatMul or Conv whose weights are constant.
type site struct {
	node    *graph.Node
	weights *tensor.Tensor // f32: [K,N] of products, transB undone; as they are of a Conv
	axis    int            // of the outputs in weights
	bias    []float32      // one per output, or nil
}

// Int8 quantises every Gemm and Conv with constant weights: weights s8 symmetric per output channel, activations s8
// asymmetric per tensor, bias s32 in units of their product; and what lies between convolutions, see activations. samples are complete model inputs; one batch each. progress, if not
// nil, is called after each batch of both calibration passes.
func Int8(m *graph.Model, samples [][]*tensor.Tensor, progress func(done, total int)) (*graph.Model, *Report, error) {
	m, err := passes.Standard(m)
	if err != nil {
		return nil, nil, err
	}
	if m.Opsets[graph.DomainONNX] < 13 { // per-axis DequantizeLinear
		return nil, nil, fmt.Errorf("opset %d, expected 13 or newer: %w", m.Opsets[graph.DomainONNX], graph.ErrUnsupported)
	}
	if len(samples) == 0 {
		return nil, nil, fmt.Errorf("no calibration data: %w", graph.ErrInput)
	}
	sites, err := findSites(&m.Graph)
	if err != nil {
		return nil, nil, err
	}
	if len(sites) == 0 {
		return nil, nil, fmt.Errorf("the model has no Gemm, MatMul or Conv with constant float weights: %w", ErrNothing)
	}
	acts := findActivations(&m.Graph, sites)
	if err := calibrate(m, acts, samples, progress); err != nil {
		return nil, nil, err
	}
	report := &Report{}
	q := m.Clone()
	if q.Metadata == nil {
		q.Metadata = map[string]string{}
	}
	q.Metadata[MetadataScheme] = "int8"
	for _, s := range sites {
		report.Layers = append(report.Layers, rewrite(&q.Graph, s, acts.of[s.node.Inputs[0]]))
	}
	acts.rewrite(&q.Graph)
	dropUnusedConstants(&q.Graph)
	if err := q.Graph.Check(); err != nil {
		return nil, nil, err
	}
	report.BytesBefore, report.BytesAfter = constantBytes(&m.Graph), constantBytes(&q.Graph)
	return q, report, compare(m, q, samples, report)
}

func findSites(g *graph.Graph) ([]*site, error) {
	var sites []*site
	for _, n := range g.Nodes {
		if n.Domain != graph.DomainONNX || n.Op != "Gemm" && n.Op != "MatMul" && n.Op != "Conv" || g.Initializers[n.Inputs[0]] != nil {
			continue
		}
		w := g.Initializers[n.Inputs[1]]
		if w == nil || w.DType != tensor.Float32 || w.Len() == 0 {
			continue
		}
		s := &site{node: n, weights: w, axis: 1}
		switch {
		case n.Op == "Conv" && len(w.Shape) > 2:
			s.axis = 0
		case n.Op != "Conv" && len(w.Shape) == 2:
		default:
			continue
		}
		if n.Op == "Gemm" {
			alpha, errA := n.FloatAttr("alpha", 1)
			beta, errB := n.FloatAttr("beta", 1)
			transA, errT := n.IntAttr("transA", 0)
			transB, errU := n.IntAttr("transB", 0)
			if err := errors.Join(errA, errB, errT, errU); err != nil {
				return nil, err
			}
			if alpha != 1 || beta != 1 || transA != 0 {
				continue
			}
			if transB != 0 {
				s.weights = transpose(w)
			}
		}
		if len(n.Inputs) > 2 && n.Inputs[2] != "" {
			b := g.Initializers[n.Inputs[2]]
			if b == nil || b.DType != tensor.Float32 || b.Len() != s.weights.Shape[s.axis] {
				continue
			}
			s.bias = tensor.Data[float32](b)
		}
		sites = append(sites, s)
	}
	return sites, nil
}

func transpose(w *tensor.Tensor) *tensor.Tensor {
	rows, cols := w.Shape[0], w.Shape[1]
	t := tensor.New(tensor.Float32, cols, rows)
	src, dst := tensor.Data[float32](w), tensor.Data[float32](t)
	for r := range rows {
		for c := range cols {
			dst[c*rows+r] = src[r*cols+c]
		}
	}
	return t
}

// rewrite replaces the weights and the bias of a site in g by quantised ones. act is the range of its input.
func rewrite(g *graph.Graph, s *site, act *ranger) Layer {
	name := siteName(s.node)
	prefix := name + ".int8."
	cols := s.weights.Shape[s.axis]
	k := s.weights.Len() / cols
	actScale, _ := act.params()
	values, place := s.matrix()
	q, scales, snr := quantizeWeights(values, len(values)/cols, cols)
	w := make([]int8, s.weights.Len())
	for i, at := range place {
		w[i] = q[at]
	}

	set := func(suffix string, t *tensor.Tensor) string {
		g.Initializers[prefix+suffix] = t
		return prefix + suffix
	}
	wScale := set("w_scale", tensor.Of(scales, cols))
	weights := set("w", tensor.Of(w, s.weights.Shape...))
	wZero := set("w_zero", tensor.New(tensor.Int8, cols))

	node := nodeOf(g, s.node)
	nodes := []*graph.Node{
		{Name: prefix + "dqw", Op: "DequantizeLinear", Inputs: []string{weights, wScale, wZero}, Outputs: []string{prefix + "wf"},
			Attrs: map[string]graph.Attr{"axis": graph.Int(int64(s.axis))}},
	}
	node.Inputs = []string{node.Inputs[0], prefix + "wf"}
	if node.Op == "Gemm" {
		delete(node.Attrs, "transB")
	}
	if s.bias != nil {
		biasScale := make([]float32, cols)
		bias := make([]int32, cols)
		for c := range bias {
			unit := float64(actScale) * float64(scales[c])
			biasScale[c] = float32(unit)
			bias[c] = int32(math.Max(math.MinInt32/2, math.Min(math.MaxInt32/2, math.RoundToEven(float64(s.bias[c])/unit))))
		}
		b, bScale := set("b", tensor.Of(bias, cols)), set("b_scale", tensor.Of(biasScale, cols))
		nodes = append(nodes, &graph.Node{Name: prefix + "dqb", Op: "DequantizeLinear", Inputs: []string{b, bScale},
			Outputs: []string{prefix + "bf"}, Attrs: map[string]graph.Attr{"axis": graph.Int(0)}})
		node.Inputs = append(node.Inputs, prefix+"bf")
	}
	g.Nodes = append(g.Nodes, nodes...)
	return Layer{Name: name, Inputs: k, Outputs: cols, ActMin: act.lo, ActMax: act.hi, WeightSNR: snr}
}

// matrix returns the weights as [rows, outputs] and, for each element of weights, its place there. Rows of a Conv are its taps, each with
// its channels and a zero if they are odd in number: the order in which kernels meet them, so that rows 2i and 2i+1 are the pairs of
// quantizeWeights.
func (s *site) matrix() (values []float32, place []int) {
	data := tensor.Data[float32](s.weights)
	place = make([]int, len(data))
	if s.axis == 1 {
		for i := range place {
			place[i] = i
		}
		return data, place
	}
	outputs, channels := s.weights.Shape[0], s.weights.Shape[1]
	taps := len(data) / outputs / channels
	width := (channels + 1) / 2 * 2
	values = make([]float32, taps*width*outputs)
	for i, v := range data {
		o, c, t := i/(channels*taps), i/taps%channels, i%taps
		place[i] = (t*width+c)*outputs + o
		values[place[i]] = v
	}
	return values, place
}

// nodeOf finds the clone of n in g: the node that produces the same value.
func nodeOf(g *graph.Graph, n *graph.Node) *graph.Node {
	for _, c := range g.Nodes {
		if c.Outputs[0] == n.Outputs[0] {
			return c
		}
	}
	panic("quant: " + n.String() + " is not in its own graph")
}

// quantizeWeights rounds w[K,N] to s8 with one scale per column, symmetric around 0. It also returns the
// signal-to-noise ratio in dB.
//
// A column's scale keeps |w| within 127, and in every pair of rows (2i, 2i+1) the sum of the positive and that of the
// negative weights within 128. Then 255·w0 + 255·w1 fits in s16, so a runtime that multiplies u8 by s8 with VPMADDUBSW,
// which saturates (ONNX Runtime on CPUs without VNNI), gives the exact answer too. It costs half a bit on Gaussian
// weights, where giving up a whole bit (weights within 64) is the usual remedy.
func quantizeWeights(w []float32, k, cols int) (q []int8, scales []float32, snr float64) {
	q, scales = make([]int8, len(w)), make([]float32, cols)
	signal, noise := 0.0, 0.0
	for c := range cols {
		peak := 0.0
		for r := 0; r < k; r += 2 {
			a, b := float64(w[r*cols+c]), 0.0
			if r+1 < k {
				b = float64(w[(r+1)*cols+c])
			}
			positive, negative := max(a, 0)+max(b, 0), max(-a, 0)+max(-b, 0)
			peak = max(peak, positive, negative) // rounding adds at most 1 to 127
		}
		if scales[c] = float32(peak / 127); !(scales[c] > 0) {
			scales[c] = 1 // an all-zero column, or one too small for a normal scale
		}
		for r := range k {
			v := float64(w[r*cols+c])
			n := max(-127, min(127, math.RoundToEven(v/float64(scales[c]))))
			q[r*cols+c] = int8(n)
			e := v - float64(n*float64(scales[c]))
			signal, noise = signal+float64(v*v), noise+float64(e*e)
		}
	}
	if noise > 0 && signal > 0 {
		snr = 10 * math.Log10(signal/noise)
	}
	return q, scales, snr
}

func dropUnusedConstants(g *graph.Graph) {
	used := map[string]bool{}
	for _, n := range g.Nodes {
		for _, in := range n.Reads() {
			used[in] = true
		}
	}
	for _, v := range g.Outputs {
		used[v.Name] = true
	}
	for name := range g.Initializers {
		if !used[name] {
			delete(g.Initializers, name)
		}
	}
}

func constantBytes(g *graph.Graph) (n int64) {
	for _, t := range g.Initializers {
		n += int64(len(t.Bytes))
	}
	return n
}

// compare runs both models over the samples and reports how far apart they are.
func compare(m, q *graph.Model, samples [][]*tensor.Tensor, report *Report) error {
	before, err := plan.Compile(m, plan.Options{})
	if err != nil {
		return err
	}
	after, err := plan.Compile(q, plan.Options{})
	if err != nil {
		return err
	}
	a, b := before.NewOutputs(), after.NewOutputs()
	same := 0
	for _, in := range samples {
		if err := before.Run(in, a); err != nil {
			return err
		}
		if err := after.Run(in, b); err != nil {
			return err
		}
		if a[0].DType != tensor.Float32 || len(a[0].Shape) == 0 || a[0].Shape[0] == 0 {
			return fmt.Errorf("output %q is %s %v, expected rows of float32: %w", m.Graph.Outputs[0].Name, a[0].DType, a[0].Shape, graph.ErrUnsupported)
		}
		rows := a[0].Shape[0]
		x, y := tensor.Data[float32](a[0]), tensor.Data[float32](b[0])
		cols := len(x) / rows
		for i := range x {
			report.MaxAbsDiff = math.Max(report.MaxAbsDiff, math.Abs(float64(x[i])-float64(y[i])))
		}
		for r := range rows {
			if train.Classify(x[r*cols:(r+1)*cols]) == train.Classify(y[r*cols:(r+1)*cols]) {
				same++
			}
		}
		report.Rows += rows
	}
	report.Agreement = float64(same) / float64(report.Rows)
	return nil
}
