package passes

import (
	"maps"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// layoutInt8 keeps images of bytes with their channels last from one quantised operator to the next: QConv reads and writes nothing else,
// pooling is faster so, and elementwise operators do not care. Where another operator needs a value, a Transpose gives it the channels
// first.
func layoutInt8(g *graph.Graph) {
	l := &layout{g: g, last: map[string]string{}, rank: map[string]int{}}
	for _, n := range g.Nodes {
		l.convert(n)
	}
	g.Nodes = l.nodes
	dropUnused(g)
}

type layout struct {
	g     *graph.Graph
	nodes []*graph.Node
	last  map[string]string // a value with channels first: its name with channels last
	rank  map[string]int
}

// convert appends n, channels last if it can.
func (l *layout) convert(n *graph.Node) {
	quantizeConvOperator(l.g, n)
	if n.Domain == graph.DomainFused && n.Op == "QConv" {
		w := l.g.Initializers[n.Inputs[3]]
		l.rank[n.Inputs[0]] = len(w.Shape)
		l.channelsLast(n, n.Inputs[0])
		l.emit(n, n.Inputs[6] != "", len(w.Shape))
		return
	}
	values, ok := l.images(n)
	if !ok {
		l.nodes = append(l.nodes, n)
		return
	}
	rank := l.rank[n.Inputs[values[0]]]
	n.Attrs = maps.Clone(n.Attrs)
	if n.Attrs == nil {
		n.Attrs = map[string]graph.Attr{}
	}
	switch n.Op {
	case "MaxPool":
		n.Domain, n.Op = graph.DomainFused, "QMaxPool"
	case "QLinearAveragePool", "QLinearGlobalAveragePool":
		n.Attrs["channels_last"] = graph.Int(1)
	case "QLinearConcat":
		axis := n.Attrs["axis"].Int
		if axis < 0 {
			axis += int64(rank)
		}
		switch {
		case axis == 1:
			axis = int64(rank) - 1
		case axis > 1:
			axis--
		}
		n.Attrs["axis"] = graph.Int(axis)
	}
	for _, i := range values {
		n.Inputs[i] = l.last[n.Inputs[i]]
	}
	l.emit(n, true, rank)
}

// images returns the positions of the inputs of n that carry values, when n can take them with channels last and all of them are there.
func (l *layout) images(n *graph.Node) ([]int, bool) {
	values := []int{0}
	switch {
	case len(n.Inputs) == 0 || len(n.Outputs) != 1:
		return nil, false
	case n.Domain == graph.DomainFused && (n.Op == "QAdd" || n.Op == "QMul"),
		n.Domain == graph.DomainMicrosoft && (n.Op == "QLinearAdd" || n.Op == "QLinearMul"):
		values = []int{0, 3}
	case n.Domain == graph.DomainFused && n.Op == "QTable", is(n, "MaxPool"),
		n.Domain == graph.DomainMicrosoft && (n.Op == "QLinearSigmoid" || n.Op == "QLinearLeakyRelu"):
	case n.Domain == graph.DomainMicrosoft && (n.Op == "QLinearAveragePool" || n.Op == "QLinearGlobalAveragePool"):
		if last, err := n.IntAttr("channels_last", 0); err != nil || last != 0 {
			return nil, false
		}
	case n.Domain == graph.DomainMicrosoft && n.Op == "QLinearConcat":
		values = nil
		for i := 2; i < len(n.Inputs); i += 3 {
			values = append(values, i)
		}
		axis, err := n.IntAttr("axis", 0)
		if err != nil || len(values) == 0 || axis < -int64(l.rank[n.Inputs[2]]) || axis >= int64(l.rank[n.Inputs[2]]) {
			return nil, false
		}
	default:
		return nil, false
	}
	for _, i := range values {
		if i >= len(n.Inputs) || l.last[n.Inputs[i]] == "" || l.rank[n.Inputs[i]] != l.rank[n.Inputs[values[0]]] {
			return nil, false
		}
	}
	return values, true
}

// channelsLast makes input 0 of n one with channels last.
func (l *layout) channelsLast(n *graph.Node, value string) {
	if l.last[value] == "" {
		perm := []int64{0}
		for i := 2; i < l.rank[value]; i++ {
			perm = append(perm, int64(i))
		}
		l.last[value] = value + " (channels last)"
		l.transpose(value, l.last[value], append(perm, 1))
	}
	n.Inputs[0] = l.last[value]
}

// emit appends n, whose output then has channels last, and behind it the Transpose for users that need them first. bytes says that the
// output is one that quantised operators read.
func (l *layout) emit(n *graph.Node, bytes bool, rank int) {
	out := n.Outputs[0]
	n.Outputs = []string{out + " (channels last)"}
	l.nodes = append(l.nodes, n)
	perm := []int64{0, int64(rank) - 1}
	for i := 1; i < rank-1; i++ {
		perm = append(perm, int64(i))
	}
	l.transpose(n.Outputs[0], out, perm)
	if bytes {
		l.last[out], l.rank[out] = n.Outputs[0], rank
	}
}

func (l *layout) transpose(from, to string, perm []int64) {
	l.nodes = append(l.nodes, &graph.Node{Name: to, Op: "Transpose", Inputs: []string{from}, Outputs: []string{to},
		Attrs: map[string]graph.Attr{"perm": graph.Ints(perm...)}})
}

// quantizeConvOperator turns a QLinearConv on u8 to u8 into a QConv.
func quantizeConvOperator(g *graph.Graph, n *graph.Node) {
	if !is(n, "QLinearConv") || len(n.Inputs) < 8 || len(n.Inputs) > 9 || len(n.Outputs) != 1 {
		return
	}
	for i, name := range n.Inputs {
		if t := g.Initializers[name]; i > 0 && i < 8 && (t == nil || (i == 2 || i == 7) && t.DType != tensor.Uint8) {
			return
		}
	}
	if rank := len(g.Initializers[n.Inputs[3]].Shape); rank != 3 && rank != 4 {
		return
	}
	n.Domain, n.Op = graph.DomainFused, "QConv"
	n.Inputs = slices.Clone(n.Inputs)
}
