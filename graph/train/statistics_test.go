package train

import (
	"fmt"
	"math"
	"testing"

	"github.com/hotpath/hotpath/loader/table"
)

// TestStatisticsOfColumns has numbers with missing ones, a constant and a text with a rare value.
func TestStatisticsOfColumns(t *testing.T) {
	var numbers, constant []float32
	var text []string
	var rows []int
	for i := range 1000 {
		v := float32(i % 100)
		if i%4 == 0 {
			v = float32(math.NaN())
		}
		numbers, constant, text, rows = append(numbers, v), append(constant, 7), append(text, fmt.Sprint("c", i%2)), append(rows, i)
	}
	text[0] = "rare"
	list := statistics([]feature{{Column: &table.Column{Name: "n", Numbers: numbers}}, {Column: &table.Column{Name: "k", Numbers: constant}},
		{Column: &table.Column{Name: "t", Text: text}, categories: []string{"c0", "c1"}}}, rows)
	for i, want := range []string{
		"{1000 0.25 50 28.855", "{1000 0 7 0 7 7 [6.9999995 7] [] [0 1 0]}", "{1000 0 0 0 0 0 [] [c0 c1] [0.499 0.5 0.001]}",
	} {
		if got := fmt.Sprint(list[i]); len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	sum := float32(0)
	for _, s := range list[0].Shares {
		sum += s
	}
	if n := len(list[0].Shares); n != statBins+2 || math.Abs(float64(sum)-1) > 1e-3 || list[0].Shares[0] != 0 || list[0].Shares[n-1] != 0 || list[0].Shares[5] < 0.08 {
		t.Errorf("shares %v", list[0].Shares)
	}
	if statistics(make([]feature, statColumns+1), rows) != nil {
		t.Error("a wide table has statistics")
	}
}
