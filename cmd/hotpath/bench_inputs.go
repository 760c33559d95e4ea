package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
)

// maxElements bounds an input that is made here.
const maxElements = plan.DefaultMaxBytes / 8

// parseShapes reads the values of --shape. Their names must be those of inputs.
func parseShapes(texts map[string]string, inputs []graph.Input) (map[string][]int, error) {
	shapes := map[string][]int{}
	for name, text := range texts {
		if !slices.ContainsFunc(inputs, func(in graph.Input) bool { return in.Name == name }) {
			return nil, fmt.Errorf("--shape %s: the model has no input %q: %w", text, name, errUsage)
		}
		var shape []int
		for d := range strings.SplitSeq(text, "x") {
			n, err := strconv.Atoi(d)
			if err != nil || n < 0 {
				return nil, fmt.Errorf("--shape %s=%s: expected sizes joined by x: %w", name, text, errUsage)
			}
			shape = append(shape, n)
		}
		if n, ok := tensor.Elements(shape); !ok || n > maxElements {
			return nil, fmt.Errorf("--shape %s=%s: too large: %w", name, text, errUsage)
		}
		shapes[name] = shape
	}
	return shapes, nil
}

// shapeOf is the shape of an input: what was asked for, else rows where the first axis is unknown and 1 where another is.
func shapeOf(in graph.Input, rows int, shapes map[string][]int) []int {
	if s, ok := shapes[in.Name]; ok {
		return s
	}
	shape := slices.Clone(in.Shape)
	for i, n := range shape {
		if n < 0 {
			shape[i] = 1
			if i == 0 {
				shape[i] = cmp.Or(rows, 1)
			}
		}
	}
	return shape
}

// fill gives a tensor of float32 small numbers that differ from each other.
func fill(x *tensor.Tensor) {
	if x.DType == tensor.Float32 {
		for i := range tensor.Data[float32](x) {
			tensor.Data[float32](x)[i] = float32(i%37)/16 - 1
		}
	}
}
