package keras_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/loader/keras"
)

func file(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRead reads both forms of a model; that the answers are Keras' is tested with the command line.
func TestRead(t *testing.T) {
	for _, name := range []string{"dense.keras", "dense.h5"} {
		m, err := keras.Read(file(t, name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if in, out := m.Graph.Inputs, m.Graph.Outputs; len(in) != 1 || in[0].Name != "features" || len(out) != 1 || out[0].Name != "classes" {
			t.Errorf("%s: inputs %v, outputs %v", name, in, out)
		}
	}
}

// TestUnknownIsNamed: one error names every layer and function that hotpath has no form of.
func TestUnknownIsNamed(t *testing.T) {
	_, err := keras.Read(file(t, "conv.keras"))
	if !errors.Is(err, graph.ErrUnsupported) {
		t.Fatalf("error %v, expected unsupported", err)
	}
	for _, what := range []string{"Conv2D", "MaxPooling2D", "tanh_shrink"} {
		if !strings.Contains(err.Error(), what) {
			t.Errorf("error %q does not name %s", err, what)
		}
	}
}

// TestHostile cuts a file and turns bits: no panic, and errors of the known kinds alone.
func TestHostile(t *testing.T) {
	for _, name := range []string{"dense.h5", "branches.h5", "dense.keras"} {
		data := file(t, name)
		check := func(what string, at int) {
			_, err := keras.Read(data[:max(at, 0)])
			if what != "cut" {
				_, err = keras.Read(data)
			}
			if err != nil && !errors.Is(err, graph.ErrFormat) && !errors.Is(err, graph.ErrUnsupported) && !errors.Is(err, graph.ErrLimit) && !errors.Is(err, graph.ErrModel) {
				t.Errorf("%s, %s at %d: %v", name, what, at, err)
			}
		}
		for n := 0; n < len(data); n += 997 {
			check("cut", n)
		}
		for i := 0; i < len(data); i += 61 {
			data[i] ^= 0x21
			check("bits turned", i)
			data[i] ^= 0x21
		}
	}
}
