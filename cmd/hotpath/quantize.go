package main

import (
	"errors"
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/graph/train"
	"github.com/hotpath/hotpath/loader"
	"github.com/hotpath/hotpath/loader/table"
	"github.com/hotpath/hotpath/quant"
)

type quantizeCmd struct {
	Model     string `arg:"" help:"Float model file." type:"existingfile"`
	Scheme    string `help:"int8: integer weights and activations." enum:"int8" default:"int8"`
	Calibrate string `help:"Typical inputs: a table (CSV, JSON lines) or a .npz of arrays by input name." required:"" placeholder:"FILE" type:"existingfile"`
	Header    string `help:"Whether the first CSV row names the columns: auto, yes, no." enum:"auto,yes,no" default:"auto"`
	Out       string `help:"Where to write the quantised ONNX model." required:"" placeholder:"FILE"`
	JSON      bool   `help:"Print one JSON object." name:"json"`
}

// Help implements kong's long help.
func (quantizeCmd) Help() string {
	return "Chooses scales on the calibration data, writes QuantizeLinear/DequantizeLinear ONNX that any runtime reads, and reports what it cost. A few hundred rows that look like real requests are enough."
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
	m, err := loader.Open(c.Model)
	if err != nil {
		return err
	}
	samples, err := c.samples(m)
	if err != nil {
		return err
	}
	bar := e.newProgress("calibrate", 2*len(samples))
	q, report, err := quant.Int8(m, samples, func(done, _ int) { bar.step(done, "batches") })
	bar.finish()
	if err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
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
		fmt.Fprintf(e.stdout, "%-24s %12s %24s %11.1f dB\n", l.Name, fmt.Sprintf("%d×%d", l.Inputs, l.Outputs), fmt.Sprintf("%.4g … %.4g", l.ActMin, l.ActMax), l.WeightSNR)
	}
	fmt.Fprintf(e.stdout, "weights %d bytes, was %d (%.2f×); same decision on %.2f %% of %d calibration rows; largest difference of a score %.3g\n",
		report.BytesAfter, report.BytesBefore, r.WeightsX, 100*report.Agreement, report.Rows, report.MaxAbsDiff)
	fmt.Fprintf(e.stdout, "%s: %d bytes, sha256 %s\n", r.Out, r.BytesOfOut, r.SHA256)
	return nil
}

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
