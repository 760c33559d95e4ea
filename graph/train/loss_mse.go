package train

// meanSquaredError is the mean of (z - y)²/2; half, so that the gradient is z - y.
type meanSquaredError struct{}

func (meanSquaredError) eval(z, y, dz []float32, _ int) float64 {
	share := 1 / float32(len(z))
	var sum float64
	for i, v := range z {
		d := v - y[i]
		sum += float64(float64(d) * float64(d))
		dz[i] = d * share
	}
	return sum / float64(2*len(z))
}
