package table

import (
	"bytes"
	"fmt"
	"math"

	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/npy"
)

// readNPY reads a 2-D numeric array as a table of numbers without column names. NaN is a missing cell.
func readNPY(file string, data []byte, limits Limits) (*Table, error) {
	a, err := npy.Read(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(a.Shape) != 2 || a.Shape[0] < 1 || a.Shape[1] < 1 {
		return nil, fmt.Errorf("%s: expected a 2-D array of rows and columns, found shape %v: %w", file, a.Shape, ErrSyntax)
	}
	rows, cols := a.Shape[0], a.Shape[1]
	if rows > limits.Rows || cols > limits.Columns || rows > limits.Cells/cols {
		return nil, fmt.Errorf("%s: shape %v, at most %d rows, %d columns and %d cells are allowed: %w", file, a.Shape, limits.Rows, limits.Columns, limits.Cells, ErrLimit)
	}
	at, err := elements(file, a)
	if err != nil {
		return nil, err
	}
	t := &Table{Rows: rows, Columns: make([]Column, cols)}
	for c := range t.Columns {
		numbers := make([]float32, rows)
		for r := range numbers {
			v := float32(at(r*cols + c))
			if math.IsInf(float64(v), 0) {
				return nil, fmt.Errorf("%s row %d column %d: expected a finite float32 number, found %v: %w", file, r, c, at(r*cols+c), ErrValue)
			}
			numbers[r] = v
		}
		t.Columns[c] = Column{Name: unnamed(c), Numbers: numbers}
	}
	return t, nil
}

// elements reads the elements of a numeric array as float64.
func elements(file string, a *tensor.Tensor) (func(i int) float64, error) {
	switch a.DType {
	case tensor.Float32:
		return reader(tensor.Data[float32](a)), nil
	case tensor.Float64:
		return reader(tensor.Data[float64](a)), nil
	case tensor.Uint8:
		return reader(tensor.Data[uint8](a)), nil
	case tensor.Int8:
		return reader(tensor.Data[int8](a)), nil
	case tensor.Int32:
		return reader(tensor.Data[int32](a)), nil
	case tensor.Int64:
		return reader(tensor.Data[int64](a)), nil
	case tensor.Int16:
		return reader(tensor.Data[int16](a)), nil
	case tensor.Uint16:
		return reader(tensor.Data[uint16](a)), nil
	case tensor.Uint32:
		return reader(tensor.Data[uint32](a)), nil
	case tensor.Uint64:
		return reader(tensor.Data[uint64](a)), nil
	case tensor.Float16:
		v := tensor.Data[tensor.F16](a)
		return func(i int) float64 { return float64(v[i].Float32()) }, nil
	}
	return nil, fmt.Errorf("%s: expected a numeric array, found %s: %w", file, a.DType, ErrValue)
}

func reader[T float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](v []T) func(int) float64 {
	return func(i int) float64 { return float64(v[i]) }
}
