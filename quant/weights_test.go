package quant_test

import (
	"errors"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/quant"
)

// wide makes the first layer of the classifier large enough for half floats: 16 → 4096 → 4.
func wide() *graph.Model {
	m := classifier(false)
	for name, shape := range map[string][]int{"w0": {16, 4096}, "b0": {4096}, "w1": {4096, 4}} {
		old, grown := tensor.Data[float32](m.Graph.Initializers[name]), tensor.New(tensor.Float32, shape...)
		for i := range tensor.Data[float32](grown) {
			tensor.Data[float32](grown)[i] = old[i*31%len(old)] / 16
		}
		m.Graph.Initializers[name] = grown
	}
	return m
}

func TestWeights(t *testing.T) {
	for _, c := range []struct {
		scheme    quant.WeightScheme
		model     *graph.Model
		layers    int
		ratio     float64 // of the bytes of constants, at most
		snr       float64
		agreement float64
	}{
		{quant.WeightScheme{Name: "w8", Bits: 8, Block: 32}, classifier(true), 2, 0.7, 35, 0.95},
		{quant.WeightScheme{Name: "w4", Bits: 4, Block: 32}, classifier(false), 2, 0.7, 17, 0.75},
		{quant.WeightScheme{Name: "w4", Bits: 4, Block: 128, Accuracy: 4}, wide(), 2, 0.45, 15, 0.75},
		{quant.WeightScheme{Name: "f16", Bits: 16}, wide(), 1, 0.7, 60, 0.99},
	} {
		q, report, err := quant.Weights(c.model, c.scheme, samples(4))
		if err != nil {
			t.Fatalf("%s: %v", c.scheme.Name, err)
		}
		if len(report.Layers) != c.layers || float64(report.BytesAfter) > c.ratio*float64(report.BytesBefore) || report.Agreement < c.agreement || report.Rows != 128 {
			t.Errorf("%s: %+v", c.scheme.Name, report)
		}
		for _, l := range report.Layers {
			if l.WeightSNR < c.snr {
				t.Errorf("%s: layer %s has %.1f dB", c.scheme.Name, l.Name, l.WeightSNR)
			}
		}
		if q.Metadata[quant.MetadataScheme] != c.scheme.Name {
			t.Errorf("%s: metadata %v", c.scheme.Name, q.Metadata)
		}
	}
}

// TestWeightsNothing: matrices too small for half floats, and weights beyond their range.
func TestWeightsNothing(t *testing.T) {
	large := wide()
	tensor.Data[float32](large.Graph.Initializers["w0"])[5] = 1e5
	for _, m := range []*graph.Model{classifier(false), large} {
		if _, _, err := quant.Weights(m, quant.WeightScheme{Name: "f16", Bits: 16}, nil); !errors.Is(err, quant.ErrNothing) {
			t.Errorf("error %v, expected ErrNothing", err)
		}
	}
}
