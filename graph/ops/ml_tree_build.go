package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/kernels"
)

// newTrees checks an ensemble once, so that running needs no checks, and lays it out: depth first, each branch before its true child.
func newTrees[T floating](n *graph.Node, in []graph.Arg, h *treeHead, raw *rawTrees, pool *kernels.Pool) (*trees[T], error) {
	e := &trees[T]{simple: true, combine: raw.combine, post: raw.post, targets: h.targets, labels: h.labels, pool: pool}
	e.jobs.New = func() any { return new(treeJob[T]) }
	for _, v := range raw.base {
		e.base = append(e.base, T(v))
	}
	for _, w := range raw.weights {
		if w.target >= h.targets {
			return nil, modelErr(n, "target id %d, expected 0 to %d", w.target, h.targets-1)
		}
		e.leaves = append(e.leaves, leafWeight[T]{T(w.value), int32(w.target)})
	}
	for _, set := range raw.sets {
		list := make([]T, 0, len(set))
		for _, v := range set {
			if t := T(v); float64(t) == v { // another value is equal to no feature
				list = append(list, t)
			}
		}
		slices.Sort(list)
		e.sets = append(e.sets, list)
	}
	e.classify(raw)
	_, cols, err := matrixOf(n, in[0].Shape)
	if err != nil {
		return nil, err
	}
	if len(raw.nodes) >= math.MaxInt32/2 || len(raw.weights) >= math.MaxInt32 {
		return nil, modelErr(n, "%d nodes", len(raw.nodes))
	}
	visited := make([]bool, len(raw.nodes))
	for _, root := range raw.roots {
		e.roots = append(e.roots, int32(len(e.nodes)))
		if err := e.layOut(n, raw, root, cols, visited); err != nil {
			return nil, err
		}
	}
	for i := range raw.nodes {
		if raw.nodes[i].mode != branchLeaf && !visited[i] {
			return nil, modelErr(n, "no root leads to node %d", i)
		}
	}
	return e, nil
}

// classify finds the special case of two classes.
func (e *trees[T]) classify(raw *rawTrees) {
	if e.labels.len() != 2 || len(raw.base) == 2 || len(raw.weights) == 0 {
		return
	}
	e.binary, e.scored = binaryPositive, raw.weights[0].target
	for _, w := range raw.weights {
		if w.target != e.scored {
			e.binary = notBinary
			return
		}
		if w.value < 0 {
			e.binary = binarySigned
		}
	}
}

// layOut appends the tree below a root. A leaf may have several parents, a branch has one, so the nodes are no more than twice those of
// the file. The depth is the model's to choose, so there is no recursion.
func (e *trees[T]) layOut(n *graph.Node, raw *rawTrees, root, cols int, visited []bool) error {
	type todo struct {
		node   int
		parent int // whose false child it is; −1: the place is known
	}
	for stack := []todo{{root, -1}}; len(stack) > 0; {
		next := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if next.parent >= 0 {
			e.nodes[next.parent].other = int32(len(e.nodes))
		}
		r := &raw.nodes[next.node]
		if r.mode == branchLeaf {
			leaf := treeNode[T]{mode: branchLeaf, other: int32(r.first), count: int32(r.count)}
			for _, w := range e.leaves[r.first : r.first+r.count] {
				leaf.value += w.value // read where there is one target
			}
			e.nodes = append(e.nodes, leaf)
			continue
		}
		if visited[next.node] {
			return modelErr(n, "node %d is the child of two branches", next.node)
		}
		visited[next.node] = true
		if r.feature < 0 || r.feature >= int64(cols) {
			return modelErr(n, "node %d reads feature %d of %d", next.node, r.feature, cols)
		}
		node, swapped := branchOf[T](r)
		e.simple = e.simple && node.mode == branchLEQ && !node.nanTrue
		yes, no := r.yes, r.no
		if swapped {
			yes, no = no, yes
		}
		stack = append(stack, todo{no, len(e.nodes)}, todo{yes, -1})
		e.nodes = append(e.nodes, node)
	}
	return nil
}

// branchOf normalises a comparison: x < v is x <= the value before v, x > v is the opposite of x <= v with the children swapped. NaN
// keeps the side it had. A threshold is rounded so that the comparison with every feature of type T stays what it was.
func branchOf[T floating](r *rawNode) (node treeNode[T], swapped bool) {
	node = treeNode[T]{feature: int32(r.feature), mode: r.mode, nanTrue: r.nanTrue, count: int32(r.set), value: T(r.value)}
	if r.mode == branchEQ || r.mode == branchNEQ {
		if float64(node.value) != r.value {
			node.value = T(math.NaN()) // equal to no feature
		}
		return node, false
	}
	if r.mode == branchMember {
		return node, false
	}
	node.mode = branchLEQ
	if r.value != r.value { // no comparison with it holds
		return node, false
	}
	if float64(node.value) > r.value {
		node.value = before(node.value)
	}
	if (r.mode == branchLT || r.mode == branchGTE) && float64(node.value) == r.value {
		if math.IsInf(r.value, -1) {
			node.value = T(math.NaN()) // nothing is less
		} else {
			node.value = before(node.value)
		}
	}
	swapped = r.mode == branchGTE || r.mode == branchGT
	if swapped {
		node.nanTrue = !r.nanTrue
	}
	return node, swapped
}

// before is the largest value less than v.
func before[T floating](v T) T {
	switch v := any(v).(type) {
	case float32:
		return T(math.Nextafter32(v, float32(math.Inf(-1))))
	case float64:
		return T(math.Nextafter(v, math.Inf(-1)))
	}
	return v
}
