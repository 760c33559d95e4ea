package train

// temperature finds the factor a > 0 on the margins z of a linear SVM that makes sigmoid(a·z) or softmax(a·z) the likeliest
// probabilities for the classes y. The negative log-likelihood is convex in a, so a ternary search finds its minimum; the
// factor is bounded, since rows that are separated without error would drive it to infinity. Decisions stay the same.
func temperature(z, y []float32, cols int) float32 {
	var nll loss = new(binaryCrossEntropy)
	if cols > 1 {
		nll = new(softmaxCrossEntropy)
	}
	scaled, dz := make([]float32, len(z)), make([]float32, len(z))
	at := func(a float64) float64 {
		f := float32(a)
		for i, v := range z {
			scaled[i] = f * v
		}
		return nll.eval(scaled, y, dz, cols)
	}
	lo, hi := 1.0/16, 16.0
	for hi-lo > 1e-4 {
		third := (hi - lo) / 3
		if at(lo+third) <= at(hi-third) {
			hi -= third
		} else {
			lo += third
		}
	}
	return float32((lo + hi) / 2)
}
