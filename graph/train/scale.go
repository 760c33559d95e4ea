package train

import (
	"math"
	"slices"
)

// scaling is x -> (x - offset)·scale for every numeric feature, the Scaler operator; nil slices leave x alone.
type scaling struct{ offset, scale []float32 }

// chooseScaling fits how numeric features are normalised, by the training rows with missing values filled in:
//
//	standard  mean 0, variance 1
//	range     0..1
//	none      as they are
//	auto      none for trees; for pictures one factor for all pixels, so that a rarely inked border pixel does not
//	          weigh a hundred times more than one in the middle; standard otherwise
//
// A constant column keeps scale 1.
func chooseScaling(mode string, f family, numeric []feature, filled []float32, rows []int, image bool) scaling {
	if mode == "" || mode == "auto" {
		switch {
		case f == familyTree:
			mode = "none"
		case image:
			mode = "picture"
		default:
			mode = "standard"
		}
	}
	var s scaling
	if mode == "none" {
		return s
	}
	s.offset, s.scale = make([]float32, len(numeric)), make([]float32, len(numeric))
	var brightest float32
	for i, c := range numeric {
		lo, hi := columnRange(c.Numbers, filled, i, rows)
		brightest = max(brightest, hi)
		s.scale[i] = 1
		if lo == hi {
			s.offset[i] = lo
			continue
		}
		switch mode {
		case "standard":
			mean, deviation := moments(c.Numbers, filled, i, rows)
			s.offset[i], s.scale[i] = float32(mean), float32(1/deviation)
		case "range":
			s.offset[i], s.scale[i] = lo, 1/(hi-lo)
		}
	}
	for i, v := range s.scale {
		if math.IsInf(float64(v), 0) { // a spread that float32 cannot invert is no spread
			s.scale[i] = 1
		}
	}
	if mode == "picture" {
		for i := range s.scale {
			s.offset[i], s.scale[i] = 0, 1
			if brightest > 0 {
				s.scale[i] = 1 / brightest
			}
		}
	}
	return s
}

// value reads a cell of numeric feature i with its missing value filled in.
func value(numbers, filled []float32, i, row int) float32 {
	if v := numbers[row]; v == v {
		return v
	}
	return filled[i]
}

func columnRange(numbers, filled []float32, i int, rows []int) (lo, hi float32) {
	lo, hi = value(numbers, filled, i, rows[0]), value(numbers, filled, i, rows[0])
	for _, r := range rows {
		v := value(numbers, filled, i, r)
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo, hi
}

// moments are mean and population standard deviation, summed as float64 in row order, two passes.
func moments(numbers, filled []float32, i int, rows []int) (mean, deviation float64) {
	for _, r := range rows {
		mean += float64(value(numbers, filled, i, r))
	}
	mean /= float64(len(rows))
	var squares float64
	for _, r := range rows {
		d := float64(value(numbers, filled, i, r)) - mean
		squares += float64(d * d)
	}
	return mean, math.Sqrt(squares / float64(len(rows)))
}

// fillValues are what the Imputer puts in place of missing cells: mean or median of the training rows.
func fillValues(mode string, numeric []feature, rows []int) []float32 {
	filled := make([]float32, len(numeric))
	var known []float32
	for i, c := range numeric {
		known = known[:0]
		for _, r := range rows {
			if !c.Missing(r) {
				known = append(known, c.Numbers[r])
			}
		}
		if mode == "median" {
			slices.Sort(known)
			mid := len(known) / 2
			filled[i] = known[mid]
			if len(known)%2 == 0 {
				filled[i] = float32((float64(known[mid-1]) + float64(known[mid])) / 2)
			}
			continue
		}
		var sum float64
		for _, v := range known {
			sum += float64(v)
		}
		filled[i] = float32(sum / float64(len(known)))
	}
	return filled
}
