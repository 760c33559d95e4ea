package train

// split is the best cut of one feature. Its score is what the impurity after the split falls with; feature -1 is none.
type split struct {
	feature   int
	threshold float32
	score     float64
}

// scanner accumulates the targets left and right of a threshold that moves up. For classes the score is
// Σ left[c]²/|left| + Σ right[c]²/|right| with exact integer squares: the weighted Gini impurity is 1 less that over the
// rows. For values it is (Σ left)²/|left| + (Σ right)²/|right|, which the squared error falls with.
type scanner struct {
	left, right     []int64
	sqLeft, sqRight int64
}

func newScanner(classes int) scanner {
	return scanner{left: make([]int64, classes), right: make([]int64, classes)}
}

// search scans the segment in the order of feature f and records the best split in found[f].
func (g *grower) search(f int) {
	rows := g.order[f][g.from:g.to]
	g.found[f] = split{feature: -1}
	if g.at(rows[0], f) == g.at(rows[len(rows)-1], f) {
		return
	}
	if g.classes > 0 {
		g.searchClasses(f, rows)
	} else {
		g.searchValues(f, rows)
	}
}

func (g *grower) searchClasses(f int, rows []int32) {
	s := &g.scan[f]
	clear(s.left)
	clear(s.right)
	s.sqLeft, s.sqRight = 0, 0
	for _, r := range rows {
		s.right[int(g.y[r])]++
	}
	for _, c := range s.right {
		s.sqRight += c * c
	}
	n := len(rows)
	base := float64(s.sqRight) / float64(n)
	for i, r := range rows[:n-1] {
		c := int(g.y[r])
		s.sqLeft += 2*s.left[c] + 1
		s.sqRight -= 2*s.right[c] - 1
		s.left[c]++
		s.right[c]--
		if !g.cuttable(f, rows, i) {
			continue
		}
		score := float64(s.sqLeft)/float64(i+1) + float64(s.sqRight)/float64(n-i-1)
		g.consider(f, rows, i, score, base)
	}
}

func (g *grower) searchValues(f int, rows []int32) {
	var left, right float64
	for _, r := range rows {
		right += float64(g.y[r])
	}
	n := len(rows)
	mean := right / float64(n) // sums of differences from the mean keep their digits
	right = 0
	for _, r := range rows {
		right += float64(g.y[r]) - mean
	}
	for i, r := range rows[:n-1] {
		d := float64(g.y[r]) - mean
		left += d
		right -= d
		if !g.cuttable(f, rows, i) {
			continue
		}
		score := float64(left*left)/float64(i+1) + float64(right*right)/float64(n-i-1)
		g.consider(f, rows, i, score, -1)
	}
}

// cuttable reports whether the rows may be cut after position i: the values differ and both sides are large enough.
func (g *grower) cuttable(f int, rows []int32, i int) bool {
	return i+1 >= g.minLeaf && len(rows)-i-1 >= g.minLeaf && g.at(rows[i], f) != g.at(rows[i+1], f)
}

// consider keeps the first split with the best score. A split without gain is taken too (the two of XOR gain nothing each).
func (g *grower) consider(f int, rows []int32, i int, score, base float64) {
	if best := &g.found[f]; best.feature < 0 && score >= base || best.feature >= 0 && score > best.score {
		*best = split{f, threshold(g.at(rows[i], f), g.at(rows[i+1], f)), score}
	}
}

// threshold lies between a < b such that x <= threshold cuts exactly there in float32: the middle, or a where the middle
// rounds up to b.
func threshold(a, b float32) float32 {
	if mid := float32((float64(a) + float64(b)) / 2); mid < b {
		return mid
	}
	return a
}
