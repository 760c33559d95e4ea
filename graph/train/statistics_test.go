package train

import (
	"fmt"
	"math"
	"testing"

	"github.com/hotpath/hotpath/graph"
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

// TestStatisticsOfPredictions has three classes, a probability and numbers.
func TestStatisticsOfPredictions(t *testing.T) {
	three := &target{task: graph.Classification, labels: []string{"a", "b", "c"}}
	list := predictionStats([]float32{0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.1, 0.9, 0, 0, 1, 0}, three)
	if got := fmt.Sprint(list[0].Categories, list[0].Shares); got != "[a b c] [0.25 0.75 0 0]" || len(list) != 2 || list[1].Min != 0.7 || list[1].Max != 1 {
		t.Errorf("three classes: %s, %+v", got, list)
	}
	two := &target{task: graph.Classification, labels: []string{"no", "yes"}}
	list = predictionStats([]float32{0.1, 0.9, 0.8, 0.3}, two)
	if got := fmt.Sprint(list[0].Shares); got != "[0.5 0.5 0]" || list[1].Min != 0.7 || list[1].Max != 0.9 {
		t.Errorf("a probability: %s, %+v", got, list[1])
	}
	if list = predictionStats([]float32{1, 2, 3, 4}, &target{task: graph.Regression}); len(list) != 1 || list[0].Mean != 2.5 || len(list[0].Shares) != len(list[0].Edges)+1 {
		t.Errorf("numbers: %+v", list)
	}
}

// TestModelKeepsDistributionOfPredictions fits one and reads the signature.
func TestModelKeepsDistributionOfPredictions(t *testing.T) {
	var x, y []float32
	for i := range 400 {
		x, y = append(x, float32(i%20)), append(y, float32(i%20/10))
	}
	data := &table.Table{File: "t", Named: true, Rows: len(x), Columns: []table.Column{{Name: "x", Numbers: x}, {Name: "y", Numbers: y}}}
	r, err := Fit(data, Spec{Target: "y", Model: "tree"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Model.Signature()
	if err != nil || len(s.Outputs[0].Stats) != 2 {
		t.Fatal(err, s.Outputs)
	}
	if c := s.Outputs[0].Stats[0]; len(c.Shares) != 3 || math.Abs(float64(c.Shares[0]-0.5)) > 0.05 || c.Rows != 400 {
		t.Errorf("%+v", c)
	}
}
