package kernelbench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Report is what a run of bench kernels found on one machine.
type Report struct {
	CPU     string   `json:"cpu"`
	ISA     string   `json:"isa"`
	Threads int      `json:"threads"`
	Read    float64  `json:"read_gbs"`
	Results []Result `json:"results"`
}

// Write writes the report to dir: kernels.json, and kernels.txt in the Go benchmark format, which benchstat reads.
func (r *Report) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	r.Benchfmt(&b)
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "kernels.json"), append(text, '\n'), 0o644),
		os.WriteFile(filepath.Join(dir, "kernels.txt"), b.Bytes(), 0o644),
	)
}

// ReadReport reads what Write wrote.
func ReadReport(path string) (*Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(Report)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: expected the JSON of bench kernels: %w", path, err)
	}
	return r, nil
}

// Benchfmt writes a line per part of the runs in the Go benchmark format.
func (r *Report) Benchfmt(w io.Writer) {
	fmt.Fprintf(w, "cpu: %s\n", r.CPU)
	for _, unit := range []string{"GFLOP/s", "GB/s", "%peak"} {
		fmt.Fprintf(w, "Unit %s better=higher\n", unit)
	}
	for _, x := range r.Results {
		for _, us := range x.Samples {
			fmt.Fprintf(w, "BenchmarkKernel/op=%s/shape=%s/variant=%s-%d %d %.4f ns/op", x.Op, x.Shape, x.Variant, x.Threads,
				max(1, x.Runs/len(x.Samples)), us*1e3)
			if x.Throughput > 0 {
				fmt.Fprintf(w, " %.3f %s", x.Throughput*x.P50/us, x.Unit)
			}
			if x.PeakFraction > 0 {
				fmt.Fprintf(w, " %.2f %%peak", 100*x.PeakFraction*x.P50/us)
			}
			fmt.Fprintln(w)
		}
	}
}

// Record is the figures of one kind of machine: bench/results/MICROARCH.json.
type Record struct {
	Microarchitecture string             `json:"microarchitecture"`
	CPU               string             `json:"cpu"`
	Read              map[string]float64 `json:"read_gbs"` // by threads
	Results           []Result           `json:"results"`
}

// Merge puts the results of a report in the place of those of the same kernel, size, variant and threads, and keeps the others. Samples are
// left out: what compares two states of the code takes them in one go.
func (rec *Record) Merge(r *Report) {
	if rec.Read == nil {
		rec.Read = map[string]float64{}
	}
	rec.CPU = r.CPU
	rec.Read[fmt.Sprint(r.Threads)] = rounded(r.Read)
	for _, x := range r.Results {
		x.Samples = nil
		for _, v := range []*float64{&x.P50, &x.P99, &x.Min, &x.Throughput, &x.Peak, &x.PeakFraction, &x.Roof} {
			*v = rounded(*v)
		}
		same := func(y Result) bool {
			return x.Op == y.Op && x.Shape == y.Shape && x.Threads == y.Threads && x.ISA == y.ISA
		}
		if i := slices.IndexFunc(rec.Results, same); i >= 0 {
			rec.Results[i] = x
		} else {
			rec.Results = append(rec.Results, x)
		}
	}
}

// rounded keeps four digits: the rest is noise and makes differences between two records hard to read.
func rounded(x float64) float64 {
	var y float64
	fmt.Sscanf(fmt.Sprintf("%.4g", x), "%g", &y)
	return y
}

// readRecord reads a record; one that does not exist is empty.
func readRecord(path, microarchitecture string) (*Record, error) {
	rec := &Record{Microarchitecture: microarchitecture}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return rec, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, rec); err != nil {
		return nil, fmt.Errorf("%s: expected a record of bench kernels: %w", path, err)
	}
	return rec, nil
}

// UpdateRecord merges a report into dir/MICROARCH.json, one line per result, and returns the file's name.
func UpdateRecord(dir, microarchitecture string, r *Report) (string, error) {
	path := filepath.Join(dir, microarchitecture+".json")
	rec, err := readRecord(path, microarchitecture)
	if err != nil {
		return "", err
	}
	rec.Merge(r)
	var b strings.Builder
	read, err := json.Marshal(rec.Read)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "{\n\"microarchitecture\": %q,\n\"cpu\": %q,\n\"read_gbs\": %s,\n\"results\": [", rec.Microarchitecture, rec.CPU, read)
	for i, x := range rec.Results {
		line, err := json.Marshal(x)
		if err != nil {
			return "", err
		}
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n" + string(line))
	}
	b.WriteString("\n]\n}\n")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, []byte(b.String()), 0o644)
}
