package main

import (
	"errors"
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/graph/train"
	"github.com/hotpath/hotpath/loader/table"
	"github.com/hotpath/hotpath/quant"
)

type quantizeCmd struct {
	Model       string `arg:"" help:"Float model file, or the directory of a SavedModel." type:"existingpath"`
	Scheme      string `help:"int8: integer weights and activations. w8, w4: weights in blocks of 8 or 4 bits (MatMulNBits). f16: large weights as half floats." enum:"int8,w8,w4,f16" default:"int8"`
	Calibrate   string `help:"Typical inputs: a table (CSV, JSON lines) or a .npz of arrays by input name. int8 needs them; the others report what they cost on them." placeholder:"FILE" type:"existingfile"`
	Block       int    `help:"w8, w4: weights that share a scale: 32, 64 or 128." enum:"32,64,128" default:"32"`
	Activations string `help:"w8, w4: f32, or int8 to quantise them while running, which is faster and less exact." enum:"f32,int8" default:"f32"`
	Header      string `help:"Whether the first CSV row names the columns: auto, yes, no." enum:"auto,yes,no" default:"auto"`
	Out         string `help:"Where to write the quantised ONNX model." required:"" placeholder:"FILE"`
	JSON        bool   `help:"Print one JSON object." name:"json"`
}

// Help implements kong's long help.
func (quantizeCmd) Help() string {
	return "int8 chooses scales on the calibration data and writes QuantizeLinear/DequantizeLinear ONNX that any runtime reads; a few hundred rows that look like real requests are enough. w8 and w4 write com.microsoft MatMulNBits, which ONNX Runtime reads; f16 writes half-float constants behind Cast. All report what they cost on the calibration data."
}

type quantizeResult struct {
	*quant.Report
	Scheme     string  `json:"scheme"`
	WeightsX   float64 `json:"weights_ratio"`
	BytesOfOut int     `json:"bytes"`
	SHA256     string  `json:"sha256"`
	Out        string  `json:"out"`
}

// calibrationBatch is how many rows of a table are run at once.
const calibrationBatch = 256

// Run implements the verb.
func (c *quantizeCmd) Run(e *env) error {
	if c.Calibrate == "" && c.Scheme == "int8" {
		return fmt.Errorf("--scheme int8 needs --calibrate FILE: %w", errUsage)
	}
	m, err := e.models.Open(c.Model)
	if err != nil {
		return err
	}
	q, report, err := c.quantize(e, m)
	if err != nil {
		return err
	}
	r := quantizeResult{Report: report, Scheme: c.Scheme, Out: c.Out, WeightsX: float64(report.BytesAfter) / float64(report.BytesBefore)}
	if r.BytesOfOut, r.SHA256, err = writeModel(c.Out, q); err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(r)
	}
	fmt.Fprintf(e.stdout, "%-24s %12s %24s %14s\n", "layer", "shape", "activation range", "weight SNR")
	for _, l := range report.Layers {
		activations := "f32"
		if c.Scheme == "int8" {
			activations = fmt.Sprintf("%.4g … %.4g", l.ActMin, l.ActMax)
		}
		fmt.Fprintf(e.stdout, "%-24s %12s %24s %11.1f dB\n", l.Name, fmt.Sprintf("%d×%d", l.Inputs, l.Outputs), activations, l.WeightSNR)
	}
	fmt.Fprintf(e.stdout, "weights %d bytes, was %d (%.2f×)", report.BytesAfter, report.BytesBefore, r.WeightsX)
	if report.Rows > 0 {
		fmt.Fprintf(e.stdout, "; same decision on %.2f %% of %d calibration rows; largest difference of a score %.3g", 100*report.Agreement, report.Rows, report.MaxAbsDiff)
	}
	fmt.Fprintf(e.stdout, "\n%s: %d bytes, sha256 %s\n", r.Out, r.BytesOfOut, r.SHA256)
	return nil
}

// quantize applies the scheme.
func (c *quantizeCmd) quantize(e *env, m *graph.Model) (*graph.Model, *quant.Report, error) {
	var samples [][]*tensor.Tensor
	if c.Calibrate != "" {
		var err error
		if samples, err = c.samples(m); err != nil {
			return nil, nil, err
		}
	}
	var q *graph.Model
	var report *quant.Report
	var err error
	switch c.Scheme {
	case "int8":
		bar := e.newProgress("calibrate", 2*len(samples))
		q, report, err = quant.Int8(m, samples, func(done, _ int) { bar.step(done, "batches") })
		bar.finish()
	default:
		s := quant.WeightScheme{Name: c.Scheme, Bits: map[string]int{"w8": 8, "w4": 4, "f16": 16}[c.Scheme], Block: c.Block}
		if c.Activations == "int8" {
			s.Accuracy = accuracyInt8
		}
		q, report, err = quant.Weights(m, s, samples)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", c.Model, err)
	}
	return q, report, nil
}

// accuracyInt8 is the accuracy_level of MatMulNBits that allows activations of 8 bits.
const accuracyInt8 = 4

// samples reads the calibration file.
func (c *quantizeCmd) samples(m *graph.Model) ([][]*tensor.Tensor, error) {
	if hasExt(c.Calibrate, ".npz") {
		s, err := m.Signature()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Model, err)
		}
		arrays, err := readArrays(c.Calibrate, s)
		if err != nil {
			return nil, err
		}
		return [][]*tensor.Tensor{arrays}, nil
	}
	t, err := openTable(c.Calibrate, c.Header)
	if err != nil {
		return nil, err
	}
	batches, err := train.Batches(m, t, calibrationBatch)
	if errors.Is(err, table.ErrColumn) {
		return nil, fmt.Errorf("%s: %w: %w", c.Calibrate, err, errUsage)
	}
	return batches, err
}
