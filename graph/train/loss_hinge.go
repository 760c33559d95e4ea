package train

// hinge is the one-versus-rest margin loss of a linear SVM: Σ over classes of max(0, 1 - s·z), squared or not, where s
// is +1 for the class of the row and -1 for the others. With one column class 1 is the positive one.
type hinge struct{ squared bool }

func (l hinge) eval(z, y, dz []float32, cols int) float64 {
	share := 1 / float32(len(y))
	var sum float64
	for i, class := range y {
		for j := range cols {
			at := i*cols + j
			sign := float32(-1)
			if cols == 1 && class == 1 || cols > 1 && int(class) == j {
				sign = 1
			}
			short := 1 - float32(sign*z[at])
			switch {
			case short <= 0:
				dz[at] = 0
			case l.squared: // a NaN comes here or to the last case and shows in the sum
				sum += float64(float64(short) * float64(short))
				dz[at] = float32(-2*sign*short) * share
			default:
				sum += float64(short)
				dz[at] = -sign * share
			}
		}
	}
	return sum / float64(len(y))
}
