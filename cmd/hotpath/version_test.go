//go:build unix

package main

import (
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
)

// TestVersion: the command line, the metrics and KServe name the same build.
func TestVersion(t *testing.T) {
	_, out, _ := hotpath("--version")
	version := strings.Fields(out)[1]
	p := begin(t)
	for path, want := range map[string]string{"/metrics": `version="` + version + `"`, "/v2": `"version":"` + version + `"`} {
		if code, body := p.get(path); code != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d, %s is missing", path, code, want)
		}
	}
	p.end()
}

// TestSampleRow: the row that is printed to be pasted has columns as values and all else as lists.
func TestSampleRow(t *testing.T) {
	ids := graph.Input{Name: "ids", DType: tensor.Int64, Shape: []int{-1, -1}}
	city := graph.Input{Name: "city", DType: tensor.String, Shape: []int{-1, 1}}
	for want, in := range map[string][]graph.Input{`{"ids": [0], "city": "text"}`: {ids, city}, `[0]`: {ids}, `["text"]`: {city}} {
		if got := sampleRow(&server.Engine{Signature: &graph.Signature{Inputs: in}}); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
