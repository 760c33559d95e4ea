package train

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/loader/table"
)

// BenchmarkFitReference trains the reference network, 100-128-64-1 with Adam and batches of 32; the figure is rows/s.
func BenchmarkFitReference(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	const rows = 8000
	tab := &table.Table{File: "bench", Rows: rows, Named: true}
	y := make([]float32, rows)
	for c := range 100 {
		numbers := make([]float32, rows)
		for i := range numbers {
			numbers[i] = float32(r.NormFloat64())
			if c == 0 && numbers[i] > 0 {
				y[i] = 1
			}
		}
		tab.Columns = append(tab.Columns, table.Column{Name: fmt.Sprint("f", c), Numbers: numbers})
	}
	tab.Columns = append(tab.Columns, table.Column{Name: "y", Numbers: y})
	for threads := 1; threads <= 2; threads++ {
		b.Run(fmt.Sprint("threads=", threads), func(b *testing.B) {
			pool := kernels.NewPool(threads)
			defer pool.Close()
			holdout := 0.0
			var perSecond float64
			for b.Loop() {
				res, err := Fit(tab, Spec{Model: "mlp:128,64", Target: "y", Epochs: 3, Holdout: &holdout}, Options{Pool: pool})
				if err != nil {
					b.Fatal(err)
				}
				perSecond = max(perSecond, res.RowsPerSecond)
			}
			b.ReportMetric(perSecond, "rows/s")
		})
	}
}
