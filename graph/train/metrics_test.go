package train

import (
	"math"
	"reflect"
	"testing"
)

func near(t *testing.T, name string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-12 {
		t.Errorf("%s = %v, expected %v", name, got, want)
	}
}

func TestBinaryMetrics(t *testing.T) {
	truth, said := []int{0, 0, 0, 1, 1, 1, 1, 0}, []int{0, 1, 0, 1, 1, 0, 1, 0}
	m := newClassMetrics(truth, said, []string{"no", "yes"})
	if want := [][]int{{3, 1}, {1, 3}}; !reflect.DeepEqual(m.Confusion, want) {
		t.Errorf("confusion %v, expected %v", m.Confusion, want)
	}
	near(t, "accuracy", m.Accuracy, 6.0/8)
	near(t, "precision", m.Precision, 3.0/4)
	near(t, "recall", m.Recall, 3.0/4)
	near(t, "f1", m.F1, 3.0/4)
}

// TestMacroMetrics has a class that is never predicted, which counts as 0.
func TestMacroMetrics(t *testing.T) {
	m := newClassMetrics([]int{0, 0, 1, 1, 2}, []int{0, 1, 1, 1, 0}, []string{"a", "b", "c"})
	near(t, "accuracy", m.Accuracy, 3.0/5)
	near(t, "precision", m.Precision, (1.0/2+2.0/3+0)/3)
	near(t, "recall", m.Recall, (1.0/2+1+0)/3)
	near(t, "f1", m.F1, (2.0/4+4.0/5+0)/3)
}

func TestRegressionMetrics(t *testing.T) {
	m := newRegressionMetrics([]float32{1, 2, 3, 6}, []float32{1, 3, 3, 4})
	near(t, "rmse", m.RMSE, math.Sqrt(5.0/4))
	near(t, "mae", m.MAE, 3.0/4)
	near(t, "r2", m.R2, 1-5.0/14)
	near(t, "r2 of a constant", newRegressionMetrics([]float32{2, 2}, []float32{2, 3}).R2, 0)
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		scores []float32
		want   int
	}{{[]float32{0.5}, 0}, {[]float32{0.51}, 1}, {[]float32{0.2, 0.4, 0.4}, 1}, {[]float32{0.9, 0.1}, 0}} {
		if got := Classify(c.scores); got != c.want {
			t.Errorf("Classify(%v) = %d, expected %d", c.scores, got, c.want)
		}
	}
}
