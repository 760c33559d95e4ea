package main

import (
	"fmt"
	"strconv"

	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/graph/train"
)

type benchRequestCmd struct {
	Model  string `arg:"" help:"Model file, or the directory of a SavedModel." type:"existingpath"`
	Data   string `help:"Table to take rows from: CSV or JSON lines." required:"" placeholder:"FILE"`
	Header string `help:"Whether the first CSV row names the columns: auto, yes, no." enum:"auto,yes,no" default:"auto"`
	Rows   int    `help:"Number of rows, from the top." default:"1"`
}

// Run implements the verb.
func (c *benchRequestCmd) Run(e *env) error {
	if c.Rows < 1 {
		return fmt.Errorf("--rows %d: expected 1 or more: %w", c.Rows, errUsage)
	}
	m, err := e.models.Open(c.Model)
	if err != nil {
		return err
	}
	t, err := openTable(c.Data, c.Header)
	if err != nil {
		return err
	}
	batches, err := train.Batches(m, t, c.Rows)
	if err != nil {
		return err
	}
	in := batches[0]
	b := []byte(`{"input_data": [`)
	for r := range in[0].Shape[0] {
		if r > 0 {
			b = append(b, ", "...)
		}
		b = append(b, '[')
		first := true
		for _, x := range in {
			width := x.Len() / x.Shape[0]
			for i := r * width; i < (r+1)*width; i++ {
				if !first {
					b = append(b, ", "...)
				}
				first = false
				b = appendCell(b, x, i)
			}
		}
		b = append(b, ']')
	}
	_, err = e.stdout.Write(append(b, "]}\n"...))
	return err
}

// appendCell writes one value of a table: text as a string, a missing number as null.
func appendCell(b []byte, x *tensor.Tensor, i int) []byte {
	if x.DType != tensor.Float32 {
		one := tensor.Tensor{DType: x.DType, Bytes: x.Bytes, Strings: x.Strings}
		return appendArray(b, &one, 0, &i)
	}
	if v := tensor.Data[float32](x)[i]; v == v {
		return strconv.AppendFloat(b, float64(v), 'g', -1, 32)
	}
	return append(b, "null"...)
}
