package plan

import (
	"math/rand/v2"
	"testing"
)

// TestLayout: values that live at the same time do not share memory, however many there are.
func TestLayout(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for name, c := range map[string]struct{ n, span int }{"few": {200, 20}, "many": {maxGreedy + 1, 5}, "many at once": {maxGreedy + 1, 4 * maxActive}} {
		values, offsets := make([]lifetime, c.n), make([]int, c.n)
		sum := 0
		for i := range values {
			values[i] = lifetime{slot: i, size: 1 + r.IntN(300), first: i, last: i + r.IntN(c.span)}
			sum += alignUp(values[i].size)
		}
		total := layout(values, offsets)
		if total > sum || c.span < maxActive && total > sum/2 {
			t.Errorf("%s: %d bytes for values of %d", name, total, sum)
		}
		for i, v := range values {
			if offsets[i]%arenaAlign != 0 || offsets[i]+v.size > total {
				t.Fatalf("%s: value %d of %d bytes lies at %d of %d", name, i, v.size, offsets[i], total)
			}
			for j := i + 1; j < len(values) && values[j].first <= v.last; j++ {
				if offsets[i] < offsets[j]+values[j].size && offsets[j] < offsets[i]+v.size {
					t.Fatalf("%s: values %d and %d overlap", name, i, j)
				}
			}
		}
	}
}
