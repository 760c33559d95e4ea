package train

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/hotpath/hotpath/graph"
)

// Streams of random numbers: one seed, one generator per purpose, so that no purpose shifts another.
const (
	streamSplit = iota + 1
	streamWeights
	streamOrder
)

func newRand(seed uint64, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, stream))
}

// splitRows divides the rows whose target is present into training and held-out rows, each ascending. Classification is
// stratified: every class gives the same share, rounded, and keeps at least one row for training.
func splitRows(t *target, share float64, seed uint64) (train, held []int) {
	var groups [][]int
	if t.task == graph.Classification {
		groups = make([][]int, len(t.labels))
	} else {
		groups = make([][]int, 1)
	}
	for row, v := range t.values {
		if v != v {
			continue
		}
		g := 0
		if t.task == graph.Classification {
			g = int(v)
		}
		groups[g] = append(groups[g], row)
	}
	r := newRand(seed, streamSplit)
	for _, rows := range groups {
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		n := int(math.Round(float64(share * float64(len(rows)))))
		n = max(0, min(n, len(rows)-1))
		held = append(held, rows[:n]...)
		train = append(train, rows[n:]...)
	}
	slices.Sort(train)
	slices.Sort(held)
	return train, held
}
