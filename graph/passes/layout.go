package passes

import (
	"maps"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// Layout moves convolutions, and what lies between them, to the packed-channel layout of package kernels: their values are packed once,
// stay packed through chains of operators, and are unpacked where another operator or the caller reads them. Then additions and
// activations move into the convolutions before them. The answers keep their bits. m must have gone through Fuse and is changed.
func Layout(m *graph.Model) error {
	eachBody(&m.Graph, layoutConvolutions)
	if err := m.Graph.Sort(); err != nil { // a residual may come from a later node
		return err
	}
	eachBody(&m.Graph, dropUnused)
	return nil
}

func layoutConvolutions(g *graph.Graph) {
	if !slices.ContainsFunc(g.Nodes, func(n *graph.Node) bool { return is(n, "Conv") }) {
		return
	}
	l := &packing{g: g, packed: map[string]packedValue{}, plain: map[string]bool{}, names: map[string]bool{}}
	for _, v := range g.Inputs {
		l.plain[v.Name] = true
	}
	for name := range g.Initializers {
		l.plain[name] = true
	}
	maps.Copy(l.names, l.plain)
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			l.names[out] = true
		}
		for _, in := range n.Reads() {
			l.names[in] = true
		}
	}
	for _, n := range g.Nodes {
		if !l.convert(n) {
			l.keep(n)
		}
	}
	for _, v := range g.Outputs {
		l.unpack(v.Name)
	}
	g.Nodes = l.nodes
	fuseConvolutions(g)
	fusePairs(g)
	packed := map[string]bool{}
	for _, v := range l.packed {
		packed[v.name] = true
	}
	fuseChains(g, packed)
}

// packing builds the list of nodes anew.
type packing struct {
	g      *graph.Graph
	nodes  []*graph.Node
	packed map[string]packedValue // by the name of the plain value
	plain  map[string]bool        // values that exist in their plain form
	names  map[string]bool        // all that are taken
}

// packedValue is the packed form of a value.
type packedValue struct {
	name           string
	channels, axes int // axes: spatial ones, 1 or 2
}

// keep emits n as it is, with its inputs plain.
func (l *packing) keep(n *graph.Node) {
	for _, in := range n.Reads() {
		l.unpack(in)
	}
	for _, out := range n.Outputs {
		l.plain[out] = true
	}
	l.nodes = append(l.nodes, n)
}

// unpack makes sure that a value exists in its plain form.
func (l *packing) unpack(value string) {
	v, ok := l.packed[value]
	if !ok || l.plain[value] {
		return
	}
	l.plain[value] = true
	l.nodes = append(l.nodes, &graph.Node{Domain: graph.DomainFused, Op: "UnpackChannels", Inputs: []string{v.name}, Outputs: []string{value},
		Attrs: map[string]graph.Attr{ops.AttrChannels: graph.Int(int64(v.channels)), ops.AttrAxes: graph.Int(int64(v.axes))}})
}

// pack makes sure that a value exists in its packed form and returns that form's name.
func (l *packing) pack(value string, channels, axes int) string {
	if v, ok := l.packed[value]; ok {
		return v.name
	}
	v := packedValue{l.fresh(value), channels, axes}
	l.packed[value] = v
	l.nodes = append(l.nodes, &graph.Node{Domain: graph.DomainFused, Op: "PackChannels", Inputs: []string{value}, Outputs: []string{v.name},
		Attrs: map[string]graph.Attr{ops.AttrChannels: graph.Int(int64(channels))}})
	return v.name
}

// fresh returns a name for the packed form of a value.
func (l *packing) fresh(value string) string {
	for value += ".packed"; l.names[value]; {
		value += "'"
	}
	l.names[value] = true
	return value
}

// emit adds n with packed inputs; its output is packed too.
func (l *packing) emit(n *graph.Node, domain string, inputs []string, channels, axes int) bool {
	out := n.Outputs[0]
	v := packedValue{l.fresh(out), channels, axes}
	l.packed[out] = v
	packed := *n
	packed.Domain, packed.Inputs, packed.Outputs = domain, inputs, []string{v.name}
	l.nodes = append(l.nodes, &packed)
	return true
}

// elementwise are operators on each element alone: they work on any layout.
var elementwise = []string{"Relu", "Sigmoid", "Tanh", "LeakyRelu", "Elu", "HardSwish", "HardSigmoid", "Softplus", "Gelu", "Swish", "Abs", "Neg",
	"Exp", "Log", "Sqrt", "Erf", "Reciprocal", "Floor", "Ceil", "Round", "Sign"}

// convert emits n in its packed form, if it has one and that pays.
func (l *packing) convert(n *graph.Node) bool {
	if n.Domain == graph.DomainFused && n.Op == "Affine" {
		v, ok := l.packed[n.Inputs[0]]
		return ok && l.emit(n, n.Domain, []string{v.name}, v.channels, v.axes)
	}
	if n.Domain != graph.DomainONNX || len(n.Outputs) != 1 {
		return false
	}
	if n.Op == "Conv" {
		return l.conv(n)
	}
	v, ok := l.packed[n.Inputs[0]]
	switch {
	case n.Op == "Add" || n.Op == "Sub" || n.Op == "Mul" || n.Op == "Div" || n.Op == "Max" || n.Op == "Min":
		return l.binary(n)
	case n.Op == "Concat":
		return l.concat(n)
	case n.Op == "ConvTranspose":
		return l.convTranspose(n)
	case !ok:
		return false
	case n.Op == "Resize":
		return l.resize(n, v)
	case n.Op == "MaxPool" || n.Op == "AveragePool":
		kernel, err := n.IntsAttr("kernel_shape")
		return err == nil && len(kernel) == v.axes && l.emit(n, graph.DomainFused, []string{v.name}, v.channels, v.axes)
	case n.Op == "GlobalAveragePool" || n.Op == "GlobalMaxPool":
		return l.emit(n, graph.DomainFused, []string{v.name}, v.channels, v.axes)
	case n.Op == "Slice":
		return l.slice(n, v)
	case n.Op == "Cast": // packed values are float32
		to, err := n.IntAttr("to", 0)
		if err != nil || to != castFloat {
			return false
		}
		l.packed[n.Outputs[0]] = v
		return true
	case n.Op == "Pow":
		power, ok := l.constant(n.Inputs[1], v)
		return ok && l.emit(n, n.Domain, []string{v.name, power}, v.channels, v.axes)
	case n.Op == "BatchNormalization":
		return constantStatistics(l.g, n, v.channels) && l.emit(n, graph.DomainFused, append([]string{v.name}, n.Inputs[1:]...), v.channels, v.axes)
	case n.Op == "Clip":
		for _, bound := range n.Inputs[1:] {
			if bound != "" && l.g.Initializers[bound] == nil {
				return false
			}
		}
		return l.emit(n, n.Domain, append([]string{v.name}, n.Inputs[1:]...), v.channels, v.axes)
	case slices.Contains(elementwise, n.Op) && len(n.Inputs) == 1:
		return l.emit(n, n.Domain, []string{v.name}, v.channels, v.axes)
	}
	return false
}

// castFloat is the code of float32 in ONNX.
const castFloat = 1

// slice packs slices along spatial axes, and along channels from the start of a block on.
func (l *packing) slice(n *graph.Node, v packedValue) bool {
	cuts, ok := cutsOf(l.g, n, v.axes+2)
	if !ok {
		return false
	}
	lists := [4][]int64{}
	for _, c := range cuts {
		axis := c.Axis
		switch {
		case axis == 1:
			first, count := c.Span(v.channels)
			if first%kernels.ConvLanes != 0 || c.Step != 1 || count == 0 {
				return false
			}
			v.channels = count
			c.Start, c.End = int64(first/kernels.ConvLanes), int64(first/kernels.ConvLanes+kernels.ConvBlocks(count))
		case axis > 1:
			axis += 2 - v.axes
		}
		for i, x := range [4]int64{c.Start, c.End, int64(axis), c.Step} {
			lists[i] = append(lists[i], x)
		}
	}
	packed := *n
	packed.Attrs = map[string]graph.Attr{"starts": graph.Ints(lists[0]...), "ends": graph.Ints(lists[1]...), "axes": graph.Ints(lists[2]...), "steps": graph.Ints(lists[3]...)}
	return l.emit(&packed, n.Domain, []string{v.name}, v.channels, v.axes)
}

// conv packs convolutions whose groups are whole blocks.
func (l *packing) conv(n *graph.Node) bool {
	w := l.g.Initializers[n.Inputs[1]]
	groups, err := n.IntAttr("group", 1)
	if err != nil || w == nil || w.DType != tensor.Float32 || len(w.Shape) != 3 && len(w.Shape) != 4 || len(n.Inputs) > 3 {
		return false
	}
	filters, perGroup := w.Shape[0], w.Shape[1]
	if groups < 1 || groups > int64(filters) || filters%int(groups) != 0 || perGroup < 1 || w.Len() == 0 {
		return false
	}
	channels := perGroup * int(groups)
	if !kernels.ConvPackable(filters, channels, int(groups)) {
		return false
	}
	axes := len(w.Shape) - 2
	inputs := slices.Clone(n.Inputs)
	v, packed := l.packed[n.Inputs[0]]
	switch {
	case packed && (v.channels != channels || v.axes != axes):
		return false // the plain operator says what is wrong
	case !packed && groups == 1 && channels < kernels.ConvLanes:
		// The kernel packs few channels more tightly than the layout does.
	default:
		inputs[0] = l.pack(n.Inputs[0], channels, axes)
	}
	for _, in := range inputs[1:] {
		l.unpack(in)
	}
	return l.emit(n, graph.DomainFused, inputs, filters, axes)
}

// binary packs operators on two packed values of as many channels, or on one and a constant of one element or one for each channel.
func (l *packing) binary(n *graph.Node) bool {
	if len(n.Inputs) != 2 {
		return false
	}
	a, okA := l.packed[n.Inputs[0]]
	b, okB := l.packed[n.Inputs[1]]
	switch {
	case okA && okB:
		return a.channels == b.channels && a.axes == b.axes && l.emit(n, n.Domain, []string{a.name, b.name}, a.channels, a.axes)
	case okA:
		c, ok := l.constant(n.Inputs[1], a)
		return ok && l.emit(n, n.Domain, []string{a.name, c}, a.channels, a.axes)
	case okB:
		c, ok := l.constant(n.Inputs[0], b)
		return ok && l.emit(n, n.Domain, []string{c, b.name}, b.channels, b.axes)
	}
	return false
}

// constant returns the name of an initializer in the form that broadcasts with packed value v as the plain one does with the plain value.
func (l *packing) constant(name string, v packedValue) (string, bool) {
	t := l.g.Initializers[name]
	if t == nil || t.DType != tensor.Float32 || len(t.Shape) > v.axes+2 {
		return "", false
	}
	if t.Len() == 1 {
		return name, true
	}
	if behind := len(t.Shape) - 1 - v.axes; behind < 0 || t.Shape[behind] != v.channels || t.Len() != v.channels {
		return "", false
	}
	packed := tensor.New(tensor.Float32, 1, kernels.ConvBlocks(v.channels), 1, 1, kernels.ConvLanes)
	copy(packed.Bytes, t.Bytes)
	fresh := l.fresh(name)
	l.g.Initializers[fresh] = packed
	return fresh, true
}
