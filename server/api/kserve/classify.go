package kserve

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
)

// classify writes the n most probable classes of each row of scores into dst, as "score:index" or "score:index:label"
// (Triton's extension_classification.md). Equal scores keep the order of their classes. Errors wrap graph.ErrInput.
func classify(dst, scores *tensor.Tensor, out graph.Output, n int) error {
	rows, width := 1, scores.Len()
	if len(scores.Shape) > 1 {
		rows = scores.Shape[0]
		width /= max(1, rows)
	}
	score, err := scoreOf(scores, out.Name)
	if err != nil {
		return err
	}
	n = min(n, width)
	dst.DType = tensor.String
	if len(scores.Shape) > 1 {
		dst.Resize(rows, n)
	} else {
		dst.Resize(n)
	}
	order := make([]int, width)
	for r := range rows {
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(score(r*width+b), score(r*width+a)) })
		for i, class := range order[:n] {
			text := strconv.AppendFloat(nil, score(r*width+class), 'f', 6, 64)
			text = append(text, ':')
			text = strconv.AppendInt(text, int64(class), 10)
			if len(out.Labels) == width {
				text = append(append(text, ':'), out.Labels[class]...)
			}
			dst.Strings[r*n+i] = string(text)
		}
	}
	return nil
}

// scoreOf reads elements of t as numbers.
func scoreOf(t *tensor.Tensor, name string) (func(i int) float64, error) {
	switch t.DType {
	case tensor.Float32:
		return numbers(tensor.Data[float32](t)), nil
	case tensor.Float64:
		return numbers(tensor.Data[float64](t)), nil
	case tensor.Int8:
		return numbers(tensor.Data[int8](t)), nil
	case tensor.Uint8:
		return numbers(tensor.Data[uint8](t)), nil
	case tensor.Int16:
		return numbers(tensor.Data[int16](t)), nil
	case tensor.Int32:
		return numbers(tensor.Data[int32](t)), nil
	case tensor.Int64:
		return numbers(tensor.Data[int64](t)), nil
	}
	return nil, server.Fail(graph.ErrInput, "class result not available for output '%s' due to unsupported type '%s'", name, typeOf(t.DType).name)
}

func numbers[T float32 | float64 | int8 | uint8 | int16 | int32 | int64](values []T) func(int) float64 {
	return func(i int) float64 { return float64(values[i]) }
}
