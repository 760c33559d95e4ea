package server

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server/metrics"
)

const (
	// sampleEvery is the time between two rows that are looked at: a hundred a second of a busy model and nearly all of a
	// quiet one, for one comparison per request and less than a thousandth of a core.
	sampleEvery = 10 * time.Millisecond
	// sampleWidth is the most columns of a tensor that are told apart. Of wider ones, such as pictures, as many elements
	// are one column.
	sampleWidth = 256
	// overall is the name of such a column.
	overall = " (all)"
)

// watch begins the statistics of an engine's inputs and predictions.
func (e *Engine) watch() {
	d := &metrics.Distribution{}
	for _, in := range e.Signature.Inputs {
		d.Inputs = append(d.Inputs, columnsOf(in.Name, in.Shape, in.Columns, in.Stats)...)
	}
	if a := e.Signature.Answer(); len(e.Signature.Outputs) > 0 {
		out := e.Signature.Outputs[a]
		if len(out.Labels) > 1 {
			d.Outputs = []metrics.Column{{Name: out.Name, Categories: out.Labels}, {Name: out.Name + " (score)"}}
			if len(out.Stats) == 2 && len(out.Stats[0].Shares) == len(out.Labels)+1 {
				d.Outputs[0].Expected = out.Stats[0].Shares
				expect(&d.Outputs[1], &out.Stats[1])
			}
		} else {
			d.Outputs = columnsOf(out.Name, out.Shape, nil, out.Stats)
		}
	}
	unique(d.Inputs)
	unique(d.Outputs)
	e.metrics.Watch(d)
}

// unique gives columns of the same name numbers: they name series.
func unique(columns []metrics.Column) {
	seen := map[string]bool{}
	for i := range columns {
		c := &columns[i]
		c.Name = strings.ToValidUTF8(c.Name, "?")
		if seen[c.Name] {
			c.Name = fmt.Sprintf("%s #%d", c.Name, i)
		}
		seen[c.Name] = true
		classes := map[string]bool{}
		for k, label := range c.Categories {
			if l := strings.ToValidUTF8(label, "?"); l != label || classes[l] {
				c.Categories = slices.Clone(c.Categories)
				c.Categories[k] = fmt.Sprintf("%s #%d", l, k)
			}
			classes[c.Categories[k]] = true
		}
	}
}

// width is the number of columns of a tensor that are told apart, 0 where it is not known.
func width(shape []int) int {
	n := 1
	for i, d := range shape {
		if i > 0 && d < 1 {
			return 0
		}
		if i > 0 {
			n *= d
		}
		if n > sampleWidth {
			return 0
		}
	}
	return n
}

func columnsOf(name string, shape []int, names []string, stats []graph.ColumnStats) []metrics.Column {
	n := width(shape)
	if n == 0 {
		return []metrics.Column{{Name: name + overall}}
	}
	columns := make([]metrics.Column, n)
	for i := range columns {
		c := &columns[i]
		switch {
		case len(names) == n:
			c.Name = names[i]
		case n == 1:
			c.Name = name
		default:
			c.Name = fmt.Sprintf("%s[%d]", name, i)
		}
		if len(stats) == n {
			expect(c, &stats[i])
		}
	}
	return columns
}

// expect sets what a column was like in training.
func expect(c *metrics.Column, s *graph.ColumnStats) {
	c.Edges, c.Categories, c.Expected, c.ExpectedMissing = s.Edges, s.Categories, s.Shares, s.Missing
}

// sample looks at one row of an answered call, if it is time for one.
func (e *Engine) sample(c *Call, now moment) {
	last := e.sampled.Load()
	if last != 0 && now.since(moment(last)) < sampleEvery || !e.sampled.CompareAndSwap(last, int64(now)) {
		return
	}
	d := e.metrics.Distribution()
	if d == nil {
		return
	}
	rows := max(1, c.rows)
	row := int(uint64(now)) % rows
	d.Sample(func(d *metrics.Distribution) {
		at := d.Inputs
		for i, t := range c.session.Inputs {
			at = noteRow(at, t, e.Signature.Inputs[i].Shape, rows, row)
		}
		if a := e.Signature.Answer(); a < len(c.session.Outputs) {
			if t := c.session.Outputs[a]; len(e.Signature.Outputs[a].Labels) > 1 {
				noteClass(d.Outputs, t, rows, row)
			} else {
				noteRow(d.Outputs, t, e.Signature.Outputs[a].Shape, rows, row)
			}
		}
	})
}

// noteRow notes a row of a tensor and returns the columns behind its own.
func noteRow(columns []metrics.Column, t *tensor.Tensor, shape []int, rows, row int) []metrics.Column {
	n := width(shape)
	elements := t.Len() / rows
	if n == 0 {
		step := max(1, elements/sampleWidth)
		for k := 0; k < elements; k += step {
			note(&columns[0], t, row*elements+k)
		}
		return columns[1:]
	}
	if elements == n && t.Len() == n*rows {
		for k := range n {
			note(&columns[k], t, row*n+k)
		}
	}
	return columns[n:]
}

// note notes element i, if it is a number or a text.
func note(c *metrics.Column, t *tensor.Tensor, i int) {
	if t.DType == tensor.String {
		c.Text(t.Strings[i])
		return
	}
	if v, ok := number(t, i); ok {
		c.Number(v)
	}
}

// number is element i of a tensor of numbers.
func number(t *tensor.Tensor, i int) (float64, bool) {
	switch t.DType {
	case tensor.Float32:
		return float64(tensor.Data[float32](t)[i]), true
	case tensor.Float64:
		return tensor.Data[float64](t)[i], true
	case tensor.Int64:
		return float64(tensor.Data[int64](t)[i]), true
	case tensor.Int32:
		return float64(tensor.Data[int32](t)[i]), true
	case tensor.Uint8, tensor.Bool:
		return float64(t.Bytes[i]), true
	}
	return 0, false
}

// noteClass notes the class with the best score, or of one probability the likelier of two, and that score.
func noteClass(columns []metrics.Column, t *tensor.Tensor, rows, row int) {
	n := t.Len() / rows
	if n == 0 || t.Len() != n*rows {
		return
	}
	best := 0
	top, ok := number(t, row*n)
	if !ok {
		return
	}
	if n == 1 {
		if top > 0.5 {
			best = 1
		} else {
			top = 1 - top
		}
	}
	for k := 1; k < n; k++ {
		if v, _ := number(t, row*n+k); v > top {
			best, top = k, v
		}
	}
	columns[0].Class(best)
	columns[1].Number(top)
}
