package train

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/loader/table"
)

const (
	// statBins is how many bins the numbers of a column are sorted into, of equal size where values differ.
	statBins = 10
	// statCategories is how many values of a column of text are told apart.
	statCategories = 32
	// statColumns is the widest table of which the model keeps statistics; of more, pictures mostly, they would outgrow it.
	statColumns = 256
	// statRows is how many held-out rows tell what the model says of data that it has not seen; with fewer, all rows do.
	statRows = 200
)

// statistics is the distribution of each feature in the training rows, nil where there are too many.
func statistics(features []feature, rows []int) []graph.ColumnStats {
	if len(features) > statColumns {
		return nil
	}
	list := make([]graph.ColumnStats, len(features))
	for i, f := range features {
		if f.Numeric() {
			list[i] = numberStats(f, rows)
		} else {
			list[i] = textStats(f, rows)
		}
	}
	return list
}

func numberStats(f feature, rows []int) graph.ColumnStats {
	c := graph.ColumnStats{Rows: len(rows)}
	values := make([]float32, 0, len(rows))
	for _, r := range rows {
		if v := f.Numbers[r]; !f.Missing(r) && !math.IsInf(float64(v), 0) {
			values = append(values, v)
		}
	}
	c.Missing = share(len(rows)-len(values), len(rows))
	if len(values) == 0 {
		return c
	}
	slices.Sort(values)
	n := len(values)
	var mean, m2 float64
	for i, v := range values {
		d := float64(v) - mean
		mean += d / float64(i+1)
		m2 += float64(d * (float64(v) - mean))
	}
	c.Mean, c.Std, c.Min, c.Max = float32(mean), float32(math.Sqrt(m2/float64(n))), values[0], values[n-1]
	c.Edges = []float32{math.Nextafter32(values[0], float32(math.Inf(-1)))}
	for b := 1; b <= statBins; b++ {
		if edge := values[b*n/statBins-min(1, b*n/statBins)]; edge > c.Edges[len(c.Edges)-1] {
			c.Edges = append(c.Edges, edge)
		}
	}
	at := 0
	for _, edge := range c.Edges {
		from := at
		for at < n && values[at] <= edge {
			at++
		}
		c.Shares = append(c.Shares, share(at-from, n))
	}
	c.Shares = append(c.Shares, share(n-at, n))
	return c
}

func textStats(f feature, rows []int) graph.ColumnStats {
	counts := map[string]int{}
	missing := 0
	for _, r := range rows {
		if v := f.Text[r]; v != "" {
			counts[v]++
		} else {
			missing++
		}
	}
	c := graph.ColumnStats{Rows: len(rows), Missing: share(missing, len(rows))}
	n, told := len(rows)-missing, 0
	for _, v := range f.categories {
		if v != "" && len(c.Categories) < statCategories {
			c.Categories = append(c.Categories, v)
			c.Shares = append(c.Shares, share(counts[v], n))
			told += counts[v]
		}
	}
	c.Shares = append(c.Shares, share(n-told, n))
	return c
}

// describePredictions keeps with the model how its predictions are distributed: of rows that it was not fitted to, as it is surer of the
// others.
func describePredictions(m *graph.Model, t *table.Table, goal *target, rows, held []int, pool *kernels.Pool) error {
	cols := goal.outputs()
	if cols > statColumns {
		return nil
	}
	if len(held) < statRows {
		held = append(slices.Clone(held), rows...)
	}
	scores, err := scoresOf(m, t, held, cols, pool)
	if err != nil {
		return err
	}
	s, err := m.Signature()
	if err != nil {
		return err
	}
	s.Outputs[0].Stats = predictionStats(scores, goal)
	return m.SetSignature(s)
}

// predictionStats is the distribution of the scores of regression; of classification that of the predicted classes, and that of their scores.
func predictionStats(scores []float32, goal *target) []graph.ColumnStats {
	if goal.task == graph.Regression {
		return []graph.ColumnStats{columnStats(scores)}
	}
	cols := goal.outputs()
	n := len(scores) / cols
	counts, best := make([]int, len(goal.labels)), make([]float32, n)
	for i := range best {
		row := scores[i*cols : (i+1)*cols]
		class := Classify(row)
		counts[class]++
		switch {
		case cols > 1:
			best[i] = row[class]
		case class == 1:
			best[i] = row[0]
		default:
			best[i] = 1 - row[0]
		}
	}
	classes := graph.ColumnStats{Rows: n, Categories: goal.labels}
	for _, k := range counts {
		classes.Shares = append(classes.Shares, share(k, n))
	}
	classes.Shares = append(classes.Shares, 0)
	return []graph.ColumnStats{classes, columnStats(best)}
}

func columnStats(values []float32) graph.ColumnStats {
	rows := make([]int, len(values))
	for i := range rows {
		rows[i] = i
	}
	return numberStats(feature{Column: &table.Column{Numbers: values}}, rows)
}

// share is a part with four digits, which is all that is compared.
func share(part, of int) float32 {
	if of == 0 {
		return 0
	}
	return float32(math.Round(1e4*float64(part)/float64(of)) / 1e4)
}
