package train

import (
	"math"

	"github.com/hotpath/hotpath/graph"
)

// Metrics are the figures of predictions against the truth. Exactly one of the embedded groups is set.
type Metrics struct {
	Task graph.Task `json:"task"`
	Rows int        `json:"rows"`
	*ClassMetrics
	*RegressionMetrics
}

// ClassMetrics judge a classification. Precision, recall and F1 are those of the positive (second) class for two classes and
// the unweighted means over the classes for more, a class without predictions or without rows counting as 0, as in scikit-learn.
type ClassMetrics struct {
	Accuracy  float64  `json:"accuracy"`
	Precision float64  `json:"precision"`
	Recall    float64  `json:"recall"`
	F1        float64  `json:"f1"`
	Labels    []string `json:"labels"`
	Confusion [][]int  `json:"confusion"` // [true class][predicted class]
}

// RegressionMetrics judge a regression, in units of the target. R2 is 1 - Σ(y-p)²/Σ(y-mean)², 0 for a constant target.
type RegressionMetrics struct {
	RMSE float64 `json:"rmse"`
	MAE  float64 `json:"mae"`
	R2   float64 `json:"r2"`
}

// Classify turns one row of scores into a class: the largest, the first of equals; a single probability above 0.5 is class 1.
func Classify(scores []float32) int {
	if len(scores) == 1 {
		if scores[0] > 0.5 {
			return 1
		}
		return 0
	}
	best := 0
	for i, v := range scores {
		if v > scores[best] {
			best = i
		}
	}
	return best
}

// newClassMetrics compares predicted with true classes.
func newClassMetrics(truth, predicted []int, labels []string) *ClassMetrics {
	n := len(labels)
	m := &ClassMetrics{Labels: labels, Confusion: make([][]int, n)}
	for i := range m.Confusion {
		m.Confusion[i] = make([]int, n)
	}
	right := 0
	for i, t := range truth {
		m.Confusion[t][predicted[i]]++
		if t == predicted[i] {
			right++
		}
	}
	m.Accuracy = ratio(right, len(truth))
	first := 0
	if n == 2 {
		first = 1 // the positive class alone
	}
	for c := first; c < n; c++ {
		var truly, said int
		for k := range n {
			truly += m.Confusion[c][k]
			said += m.Confusion[k][c]
		}
		hits := m.Confusion[c][c]
		m.Precision += ratio(hits, said)
		m.Recall += ratio(hits, truly)
		m.F1 += ratio(2*hits, truly+said)
	}
	classes := float64(n - first)
	m.Precision /= classes
	m.Recall /= classes
	m.F1 /= classes
	return m
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// newRegressionMetrics compares predictions with values.
func newRegressionMetrics(truth, predicted []float32) *RegressionMetrics {
	n := float64(len(truth))
	var mean float64
	for _, v := range truth {
		mean += float64(v)
	}
	mean /= n
	var squares, absolute, total float64
	for i, v := range truth {
		d, c := float64(v)-float64(predicted[i]), float64(v)-mean
		squares += float64(d * d)
		absolute += math.Abs(d)
		total += float64(c * c)
	}
	m := &RegressionMetrics{RMSE: math.Sqrt(squares / n), MAE: absolute / n}
	if total > 0 {
		m.R2 = 1 - squares/total
	}
	return m
}
