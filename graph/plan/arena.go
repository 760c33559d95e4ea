package plan

import (
	"slices"
	"sort"
)

// layout places values in one arena, largest first, each at the lowest offset free during its lifetime, and returns
// the arena's size. Greedy by size is within a few percent of the optimum on real networks (Pisarchyk and Lee,
// "Efficient Memory Management for Deep Neural Net Inference", 2020).
func layout(values []lifetime, offsets []int) (total int) {
	if len(values) > maxGreedy {
		return layoutInOrder(values, offsets)
	}
	order := slices.Clone(values)
	sort.SliceStable(order, func(i, j int) bool { return order[i].size > order[j].size })
	var placed []lifetime
	for _, v := range order {
		at := 0
		for _, q := range placed { // placed is sorted by offset
			if q.last < v.first || v.last < q.first {
				continue
			}
			if at+v.size <= offsets[q.slot] {
				break
			}
			at = max(at, alignUp(offsets[q.slot]+q.size))
		}
		offsets[v.slot] = at
		i := sort.Search(len(placed), func(i int) bool { return offsets[placed[i].slot] > at })
		placed = slices.Insert(placed, i, v)
		total = max(total, alignUp(at+v.size))
	}
	return total
}

func alignUp(n int) int { return (n + arenaAlign - 1) &^ (arenaAlign - 1) }

// Greedy by size looks at all pairs of values, which more than a few thousand make slow; real networks have fewer. Beyond that values are
// placed in the order in which they are made, among at most so many that live at the same time.
const (
	maxGreedy = 4096
	maxActive = 256
)

// layoutInOrder is layout for very many values, which are sorted by their first step. Those that meet too many others get memory of their
// own behind the rest.
func layoutInOrder(values []lifetime, offsets []int) (total int) {
	var active, alone []lifetime // active is sorted by offset
	for _, v := range values {
		active = slices.DeleteFunc(active, func(q lifetime) bool { return q.last < v.first })
		if len(active) >= maxActive {
			alone = append(alone, v)
			continue
		}
		at, place := 0, len(active)
		for i, q := range active {
			if at+v.size <= offsets[q.slot] {
				place = i
				break
			}
			at = max(at, alignUp(offsets[q.slot]+q.size))
		}
		offsets[v.slot] = at
		active = slices.Insert(active, place, v)
		total = max(total, alignUp(at+v.size))
	}
	for _, v := range alone {
		offsets[v.slot] = total
		total += alignUp(v.size)
	}
	return total
}
