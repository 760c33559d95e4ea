package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/npy"
)

// must runs a command line that has to succeed and returns what it printed.
func must(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := hotpath(args...)
	if code != exitOK {
		t.Fatalf("hotpath %s exited %d: %s", strings.Join(args, " "), code, errs)
	}
	return out
}

const digitsCSV = "digits/digits.csv"

// TestTheLine takes the digits through every step, a file in and a file out.
func TestTheLine(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	var fit struct{ Accuracy, Precision, Recall, F1 float64 }
	out := must(t, "train", "--data", digitsCSV, "--target", "label", "--model", "mlp:128,64", "--out", path("digits.onnx"), "--json")
	if err := json.Unmarshal([]byte(out), &fit); err != nil {
		t.Fatalf("train --json: %v in %s", err, out)
	}
	if fit.Accuracy < 0.96 || fit.F1 < 0.96 || fit.Precision < 0.96 || fit.Recall < 0.96 {
		t.Errorf("held-out figures are %+v, expected 0.96", fit)
	}
	must(t, "optimize", path("digits.onnx"), "--out", path("opt.onnx"))

	var q struct {
		Ratio float64 `json:"weights_ratio"`
	}
	out = must(t, "quantize", path("opt.onnx"), "--scheme", "int8", "--calibrate", digitsCSV, "--out", path("int8.onnx"), "--json")
	if err := json.Unmarshal([]byte(out), &q); err != nil || q.Ratio > 0.30 {
		t.Errorf("quantised weights are %v of the float ones, expected at most 0.30 (%v)", q.Ratio, err)
	}
	accuracy := func(model string) float64 {
		var m struct{ Accuracy float64 }
		out := must(t, "eval", path(model), "--data", digitsCSV, "--json")
		if err := json.Unmarshal([]byte(out), &m); err != nil {
			t.Fatal(err)
		}
		return m.Accuracy
	}
	if float, int8 := accuracy("opt.onnx"), accuracy("int8.onnx"); float-int8 > 0.005 {
		t.Errorf("int8 accuracy %v, float %v: more than 0.5 points lost", int8, float)
	}

	for _, scheme := range [][]string{{"w8"}, {"w4"}, {"w4", "--activations", "int8", "--block", "64"}} {
		must(t, append([]string{"quantize", path("opt.onnx"), "--out", path("w.onnx"), "--scheme"}, scheme...)...)
		if float, weights := accuracy("opt.onnx"), accuracy("w.onnx"); float-weights > 0.01 {
			t.Errorf("%v accuracy %v, float %v: more than a point lost", scheme, weights, float)
		}
	}

	out = must(t, "inspect", path("int8.onnx"), "--json")
	var seen struct {
		RowIndependent bool `json:"row_independent"`
		Plan           []struct{ Op string }
	}
	if err := json.Unmarshal([]byte(out), &seen); err != nil || !seen.RowIndependent || !strings.Contains(fmt.Sprint(seen.Plan), "qgemm") {
		t.Errorf("inspect says %+v (%v)", seen, err)
	}
	if text := must(t, "inspect", path("digits.onnx")); !strings.Contains(text, "pixel_0_0") || !strings.Contains(text, "labels: 0, 1, 2") {
		t.Errorf("inspect prints %s", text)
	}

	must(t, "models", "publish", "digits", path("int8.onnx"), "--label", "stable", "--store", path("store"))
	if text := must(t, "models", "list", "--store", path("store")); !strings.Contains(text, "digits") {
		t.Errorf("models list prints %q", text)
	}
}

// TestRunFormats gives the same arrays as JSON and as npz and expects the same scores.
func TestRunFormats(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	must(t, "train", "--data", digitsCSV, "--target", "label", "--model", "linear", "--out", path("m.onnx"), "--json")
	x := tensor.New(tensor.Float32, 2, 64)
	var rows [2][64]float32
	for i := range tensor.Data[float32](x) {
		v := float32(i % 17)
		tensor.Data[float32](x)[i], rows[i/64][i%64] = v, v
	}
	text, err := json.Marshal(map[string]any{"input": rows})
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := npy.WriteArchive(&archive, map[string]*tensor.Tensor{"input": x}); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"in.json": text, "in.npz": archive.Bytes()} {
		if err := os.WriteFile(path(name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fromJSON := must(t, "run", path("m.onnx"), "--input", path("in.json"))
	if fromNPZ := must(t, "run", path("m.onnx"), "--input", path("in.npz")); fromNPZ != fromJSON {
		t.Errorf("npz gives %s, JSON gives %s", fromNPZ, fromJSON)
	}
	must(t, "run", path("m.onnx"), "--input", path("in.npz"), "--output", path("out.npz"))
	must(t, "run", path("m.onnx"), "--input", path("in.npz"), "--output", path("out.json"))
	written, err := os.ReadFile(path("out.json"))
	if err != nil || string(written) != fromJSON {
		t.Errorf("out.json holds %s (%v)", written, err)
	}
	data, err := os.ReadFile(path("out.npz"))
	if err != nil {
		t.Fatal(err)
	}
	arrays, err := npy.ReadArchive(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(arrays["output"].Shape) != 2 || arrays["output"].Shape[1] != 10 {
		t.Errorf("out.npz holds %v (%v)", arrays, err)
	}
}

// reference writes a table of 100 random inputs and a target that depends on them.
func reference(t *testing.T, file string, rows int) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	header := []string{}
	for i := range 100 {
		header = append(header, fmt.Sprintf("x%d", i))
	}
	lines := [][]string{append(header, "y")}
	for range rows {
		sum, line := 0.0, []string{}
		for i := range 100 {
			v := r.NormFloat64()
			sum += v * float64(i%7-3)
			line = append(line, fmt.Sprintf("%.4f", v))
		}
		y := "0"
		if sum > 0 {
			y = "1"
		}
		lines = append(lines, append(line, y))
	}
	if err := w.WriteAll(lines); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestReferenceNetwork: 100 inputs, Dense 128 ReLU, Dense 64 ReLU, Dense 1 sigmoid, Adam, 10 epochs, batch 32.
func TestReferenceNetwork(t *testing.T) {
	dir := t.TempDir()
	data, model := filepath.Join(dir, "data.csv"), filepath.Join(dir, "model.onnx")
	reference(t, data, 2000)
	out := must(t, "train", "--data", data, "--target", "y", "--model", "mlp:128,64", "--optimizer", "adam", "--epochs", "10", "--batch", "32", "--out", model, "--json")
	var fit struct{ Accuracy float64 }
	if err := json.Unmarshal([]byte(out), &fit); err != nil || fit.Accuracy < 0.85 {
		t.Errorf("accuracy %v (%v), expected 0.85", fit.Accuracy, err)
	}
	var seen struct {
		Inputs, Outputs []struct {
			Name  string
			Shape []int
		}
		Nodes []struct{ Op string }
	}
	if err := json.Unmarshal([]byte(must(t, "inspect", model, "--json")), &seen); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(seen.Inputs, seen.Outputs); got != "[{input [-1 100]}] [{output [-1 1]}]" {
		t.Errorf("inputs and outputs are %s", got)
	}
	if got := fmt.Sprint(seen.Nodes); !strings.HasSuffix(got, "{Gemm} {Relu} {Gemm} {Relu} {Gemm} {Sigmoid}]") {
		t.Errorf("nodes are %s", got)
	}
}

// TestOneSeedOneFile: threads and instruction sets do not change a byte of the model.
func TestOneSeedOneFile(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data.csv")
	reference(t, data, 400)
	for _, family := range []string{"mlp:16", "linear", "svm", "tree"} {
		var first []byte
		for i, threads := range []string{"1", "2"} {
			file := filepath.Join(dir, fmt.Sprint(i, ".onnx"))
			args := []string{"train", "--data", data, "--target", "y", "--model", family, "--threads", threads, "--out", file, "--json"}
			if family != "tree" {
				args = append(args, "--epochs", "3")
			}
			must(t, args...)
			got, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = got
			} else if !bytes.Equal(first, got) {
				t.Errorf("%s: %s threads give another file than 1", family, threads)
			}
		}
	}
}

// TestExitCodes: 2 for the command line, 1 for the work, and one sentence that names what is wrong.
func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	notModel, table := write("not.onnx", "hello"), write("t.csv", "a,b\n1,2\n3,4\n")
	cases := []struct {
		args []string
		code int
		want string
	}{
		{[]string{"frobnicate"}, exitUsage, "frobnicate"},
		{[]string{"train"}, exitUsage, "--data"},
		{[]string{"inspect", "/nowhere.onnx"}, exitUsage, "/nowhere.onnx"},
		{[]string{"inspect", notModel}, exitFailed, "not.onnx"},
		{[]string{"eval", notModel, "--data", table}, exitFailed, "not.onnx"},
		{[]string{"train", "--data", table, "--target", "c", "--out", filepath.Join(dir, "x.onnx")}, exitUsage, `"c"`},
		{[]string{"train", "--data", table, "--target", "b", "--model", "magic", "--out", filepath.Join(dir, "x.onnx")}, exitUsage, "magic"},
		{[]string{"quantize", notModel, "--out", "x"}, exitUsage, "--calibrate"},
		{[]string{"quantize", notModel, "--scheme", "int3", "--calibrate", table, "--out", "x"}, exitUsage, "int3"},
		{[]string{"run", notModel, "--input", table, "--output", "x.txt"}, exitUsage, "x.txt"},
	}
	for _, c := range cases {
		code, _, errs := hotpath(c.args...)
		if code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("hotpath %s: exit %d and %q, expected %d and %q", strings.Join(c.args, " "), code, errs, c.code, c.want)
		}
	}
	if code, out, _ := hotpath("--help"); code != exitOK || !strings.Contains(out, "quantize") {
		t.Errorf("--help: exit %d and %q", code, out)
	}
}

func TestArraysRefuse(t *testing.T) {
	dir := t.TempDir()
	model, input := filepath.Join(dir, "m.onnx"), filepath.Join(dir, "in.json")
	must(t, "train", "--data", digitsCSV, "--target", "label", "--model", "linear", "--epochs", "1", "--out", model, "--json")
	row := strings.TrimSuffix(strings.Repeat("1,", 63), ",")
	for text, want := range map[string]string{
		`{`:                                      "object of arrays",
		`{"other": [[1]]}`:                       `"other"`,
		`{}`:                                     `"input" is missing`,
		`{"input": [[` + row + `]]}`:             "shape",
		`{"input": [[` + row + `,"x"]]}`:         "input[0][63]",
		`{"input": [[` + row + `,null]]}`:        "input[0][63]",
		`{"input": [[` + row + `,1e999]]}`:       "input[0][63]",
		`{"input": [[` + row + `,1],[1]]}`:       "input[1]",
		`{"input": [[` + row + `,1]]} more`:      "after the object",
		`{"input": [[` + row + `,true]]}`:        "input[0][63]",
		`{"input": [[[` + row + `,1]]]}`:         "shape",
		`{"input": ` + fmt.Sprint(math.Pi) + `}`: "shape",
	} {
		if err := os.WriteFile(input, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, errs := hotpath("run", model, "--input", input); code != exitFailed || !strings.Contains(errs, want) {
			t.Errorf("%.40s…: exit %d and %q, expected 1 and %q", text, code, errs, want)
		}
	}
}

func TestBenchModelAndRequest(t *testing.T) {
	model := filepath.Join(t.TempDir(), "m.onnx")
	must(t, "train", "--data", digitsCSV, "--target", "label", "--model", "linear", "--epochs", "1", "--out", model, "--json")
	var r struct {
		P50    float64 `json:"p50_us"`
		P99    float64 `json:"p99_us"`
		Min    float64 `json:"min_us"`
		Runs   int
		Shapes string
	}
	out := must(t, "bench", "model", model, "--shape", "input=3x64", "--seconds", "0.05", "--json")
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Min <= 0 || r.P50 < r.Min || r.P99 < r.P50 || r.Runs < 10 || r.Shapes != "input=3x64" {
		t.Errorf("bench model says %+v (%v)", r, err)
	}
	for _, shape := range []string{"other=1x64", "input=ax64", "input=-1"} {
		if code, _, errs := hotpath("bench", "model", model, "--shape", shape); code != exitUsage {
			t.Errorf("--shape %s: exit %d and %q", shape, code, errs)
		}
	}
	var request struct {
		Rows [][]float32 `json:"input_data"`
	}
	if err := json.Unmarshal([]byte(must(t, "bench", "request", model, "--data", digitsCSV, "--rows", "2")), &request); err != nil || len(request.Rows) != 2 || len(request.Rows[1]) != 64 || request.Rows[0][2] != 5 {
		t.Errorf("bench request prints %v (%v)", request.Rows, err)
	}
}
