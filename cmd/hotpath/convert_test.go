package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestConvert: models of other formats answer as Keras did when they were saved, before and after they become ONNX.
func TestConvert(t *testing.T) {
	const testdata = "../../loader/keras/testdata/"
	for model, c := range map[string]struct{ name, outputs []string }{
		testdata + "dense.keras":                 {[]string{"dense"}, []string{"classes"}},
		testdata + "dense.h5":                    {[]string{"dense"}, []string{"classes"}},
		"../../loader/savedmodel/testdata/dense": {[]string{"dense"}, []string{"output_0"}},
		testdata + "branches.keras":              {[]string{"branches"}, []string{"first", "second"}},
		testdata + "branches.h5":                 {[]string{"branches"}, []string{"first", "second"}},
	} {
		dir := t.TempDir()
		text, err := os.ReadFile(testdata + c.name[0] + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var saved struct {
			Inputs  json.RawMessage
			Answers [][][]float64
		}
		if err := json.Unmarshal(text, &saved); err != nil {
			t.Fatal(err)
		}
		in, onnx := filepath.Join(dir, "in.json"), filepath.Join(dir, "m.onnx")
		if err := os.WriteFile(in, saved.Inputs, 0o600); err != nil {
			t.Fatal(err)
		}
		must(t, "convert", model, "--out", onnx)
		for _, path := range []string{model, onnx} {
			var got map[string][][]float64
			if err := json.Unmarshal([]byte(must(t, "run", path, "--input", in)), &got); err != nil {
				t.Fatal(err)
			}
			for i, name := range c.outputs {
				g, w := slices.Concat(got[name]...), slices.Concat(saved.Answers[i]...)
				if len(g) != len(w) || len(w) == 0 {
					t.Fatalf("%s: output %q has %d values, expected %d", path, name, len(g), len(w))
				}
				for j := range w {
					if math.Abs(g[j]-w[j]) > 1e-5 {
						t.Errorf("%s: output %q, value %d is %v, expected %v", path, name, j, g[j], w[j])
					}
				}
			}
		}
	}
}
