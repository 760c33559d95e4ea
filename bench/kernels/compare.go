package kernelbench

import (
	"math"
	"slices"
)

// Comparison says how much longer the second side of a comparison takes.
type Comparison struct {
	Op     string  `json:"op"`
	Shape  string  `json:"shape"`
	Ratio  float64 `json:"ratio"` // time of B over time of A
	Low    float64 `json:"low"`   // confidence interval of the ratio
	High   float64 `json:"high"`
	Rounds int     `json:"rounds"`
}

const (
	// Noise is the ratio below which a difference is none: two processes of one binary differ by up to a percent in how their pages lie
	// in the caches.
	Noise = 0.01
	// alarm is the chance, over all kernels of a comparison together, that equal sides are called different.
	alarm = 0.01
)

// Slower reports a regression: all of the interval lies above what noise explains.
func (c Comparison) Slower() bool { return c.Low > 1+Noise }

// Faster is the opposite.
func (c Comparison) Faster() bool { return c.High < 1/(1+Noise) }

// Undecided reports that the ratio lies beyond noise and the interval does not: more rounds would tell.
func (c Comparison) Undecided() bool { return c.Ratio > 1+Noise && !c.Slower() }

// Compare estimates the ratio from the logarithms of one ratio per round, rounds being independent: the mean without the fifth of the rounds
// at either end, and its interval from the winsorised variance (Tukey and McLaughlin 1963; Wilcox, Introduction to Robust Estimation, 4.3),
// because a disturbed round is far off. kernels is how many comparisons are made together; the interval is widened so that they share one
// chance of a false alarm (Bonferroni).
func Compare(logRatios []float64, kernels int) (ratio, low, high float64) {
	sorted := slices.Sorted(slices.Values(logRatios))
	n := len(sorted)
	cut := n / 5
	kept := float64(n - 2*cut)
	trimmed, mean, square := 0.0, 0.0, 0.0
	for i := range sorted {
		x := sorted[min(max(i, cut), n-1-cut)]
		mean += x / float64(n)
		if i >= cut && i < n-cut {
			trimmed += x / kept
		}
	}
	for i := range sorted {
		d := sorted[min(max(i, cut), n-1-cut)] - mean
		square += d * d
	}
	half := math.Inf(1)
	if kept > 1 {
		half = studentT(alarm/float64(max(kernels, 1)), kept-1) * math.Sqrt(square/float64(n-1)*float64(n)) / kept
	}
	return math.Exp(trimmed), math.Exp(trimmed - half), math.Exp(trimmed + half)
}

// CompareSamples estimates the ratio of two sets of independent timings, b over a: the median of all pairwise ratios, and the interval
// that inverts the Mann–Whitney test, normal approximation (Hollander, Wolfe, Chicken, Nonparametric Statistical Methods, 4.2–4.3).
func CompareSamples(a, b []float64, kernels int) (ratio, low, high float64) {
	var logs []float64
	for _, x := range a {
		for _, y := range b {
			logs = append(logs, math.Log(y/x))
		}
	}
	if len(logs) == 0 {
		return 1, 0, math.Inf(1)
	}
	n, m := float64(len(a)), float64(len(b))
	z := math.Sqrt2 * math.Erfinv(1-alarm/float64(max(kernels, 1)))
	skip := n*m/2 - z*math.Sqrt(n*m*(n+m+1)/12)
	if skip < 0 {
		return math.Exp(quantile(logs, 0.5)), 0, math.Inf(1)
	}
	q := skip / (n * m)
	return math.Exp(quantile(logs, 0.5)), math.Exp(quantile(logs, q)), math.Exp(quantile(logs, 1-q))
}

// studentT returns t with P(|T| > t) = p for Student's distribution with f degrees of freedom, by bisection.
func studentT(p, f float64) float64 {
	low, high := 0.0, 1.0
	for studentTail(high, f) > p {
		high *= 2
	}
	for range 40 {
		if mid := (low + high) / 2; studentTail(mid, f) > p {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

// studentTail returns P(|T| > t): the integral of the density from t on, by Simpson's rule in u = arctan(t/√f), where the density is a
// power of the cosine.
func studentTail(t, f float64) float64 {
	lg1, _ := math.Lgamma((f + 1) / 2)
	lg2, _ := math.Lgamma(f / 2)
	scale := 2 * math.Exp(lg1-lg2) / math.Sqrt(math.Pi)
	const steps = 100
	from := math.Atan(t / math.Sqrt(f))
	h := (math.Pi/2 - from) / steps
	sum := 0.0
	for i := range steps + 1 {
		weight := 4.0
		if i == 0 || i == steps {
			weight = 1
		} else if i%2 == 0 {
			weight = 2
		}
		sum += weight * math.Pow(math.Cos(from+float64(i)*h), f-1)
	}
	return scale * sum * h / 3
}
