package server

import (
	"maps"
	"math"
	"slices"
)

// share is a part of the requests: those whose point in [0, 1) is below the end of it and in no earlier one.
type share struct {
	label  string
	engine *Engine // nil: what serves by default
	end    float64
}

// newSplit cuts [0, 1) by the weights of labels, which are in order of their names. It is nil where there is nothing to
// split.
func newSplit(m *Model, weights map[string]int) []share {
	total := 0
	for _, w := range weights {
		total += max(w, 0)
	}
	if total == 0 {
		return nil
	}
	var split []share
	sum := 0
	for _, label := range slices.Sorted(maps.Keys(weights)) {
		sum += max(weights[label], 0)
		split = append(split, share{label, m.Label(label), float64(sum) / float64(total)})
	}
	return split
}

// golden is the fraction of the golden ratio in 64 bits: its multiples fill the circle evenly, so that of any few
// requests in a row close to their share goes each way.
const golden = 0x9E3779B97F4A7C15

// point places request number n in [0, 1).
func point(n uint64) float64 { return math.Ldexp(float64(n*golden>>11), -53) }

// keyPoint places a caller's key in [0, 1), for the same model always at the same place: FNV-1a over both, and the
// finalizer of splitmix64, since similar keys leave FNV close together.
func keyPoint(model string, key []byte) float64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(model) {
		h = (h ^ uint64(model[i])) * prime
	}
	h *= prime // a zero byte between them
	for _, c := range key {
		h = (h ^ uint64(c)) * prime
	}
	h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
	h = (h ^ h>>27) * 0x94D049BB133111EB
	h ^= h >> 31
	return math.Ldexp(float64(h>>11), -53)
}

// at is the engine that a point falls on.
func (m *Model) at(p float64) *Engine {
	for i := range m.split {
		if p < m.split[i].end {
			if e := m.split[i].engine; e != nil {
				return e
			}
			break
		}
	}
	return m.Serving
}
