package ops

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// Expansion writes down the ONNX operators that one node stands for. Op.Expand calls its methods; passes.Expand then puts Nodes in the
// place of the node.
type Expansion struct {
	Node      *graph.Node
	Nodes     []*graph.Node
	Constants map[string]*tensor.Tensor // of the graph; those of the node are added

	// Fresh makes a name that nothing in the model has.
	Fresh func(name string) string
	// Declared is what the file says about a value, nil where it says nothing.
	Declared func(name string) *graph.Value
}

// input returns the name of input i, "" where it is omitted.
func (x *Expansion) input(i int) string {
	if i < len(x.Node.Inputs) {
		return x.Node.Inputs[i]
	}
	return ""
}

// wants reports whether output i is used.
func (x *Expansion) wants(i int) bool { return i < len(x.Node.Outputs) && x.Node.Outputs[i] != "" }

// rank is the number of axes of a value, def where that is not known.
func (x *Expansion) rank(name string, def int) int {
	if t := x.Constants[name]; t != nil {
		return len(t.Shape)
	}
	if v := x.Declared(name); v != nil && v.Shape != nil {
		return len(v.Shape)
	}
	return def
}

// constant adds a constant.
func (x *Expansion) constant(t *tensor.Tensor) string {
	name := x.Fresh(x.Node.Outputs[0] + "/constant")
	x.Constants[name] = t
	return name
}

func (x *Expansion) ints(v ...int64) string   { return x.constant(tensor.Of(v, len(v))) }
func (x *Expansion) number(v float32) string  { return x.constant(tensor.Of([]float32{v})) }
func (x *Expansion) whole(v ...int32) string  { return x.constant(tensor.Of(v)) }
func attr(name string, a graph.Attr) attrList { return attrList{name: a} }

// attrList are attributes in the making.
type attrList map[string]graph.Attr

func (a attrList) and(name string, v graph.Attr) attrList {
	a[name] = v
	return a
}

// add appends an ONNX operator that writes the given values.
func (x *Expansion) add(op string, outputs []string, attrs attrList, inputs ...string) *graph.Node {
	if attrs == nil {
		attrs = attrList{}
	}
	n := &graph.Node{Name: x.Node.Name, Op: op, Inputs: inputs, Outputs: outputs, Attrs: attrs}
	x.Nodes = append(x.Nodes, n)
	return n
}

// value appends an ONNX operator of one output and returns its name.
func (x *Expansion) value(op string, attrs attrList, inputs ...string) string {
	return x.values(op, 1, attrs, inputs...)[0]
}

// values is value for several outputs.
func (x *Expansion) values(op string, count int, attrs attrList, inputs ...string) []string {
	outputs := make([]string, count)
	for i := range outputs {
		outputs[i] = x.Fresh(x.Node.Outputs[0] + "/" + op)
	}
	x.add(op, outputs, attrs, inputs...)
	return outputs
}

// result gives a value the name of output i, if that is wanted; every expansion does so for each of its outputs.
func (x *Expansion) result(i int, value string) {
	if !x.wants(i) {
		return
	}
	name := x.Node.Outputs[i]
	for at, n := range x.Nodes {
		o := slices.Index(n.Outputs, value)
		if o < 0 || slices.Contains(x.Node.Outputs, value) {
			continue
		}
		n.Outputs[o] = name
		for _, user := range x.Nodes[at:] {
			for j, in := range user.Inputs {
				if in == value {
					user.Inputs[j] = name
				}
			}
		}
		return
	}
	x.add("Identity", []string{name}, nil, value) // an input, or another output too
}

// unwanted refuses outputs that are not implemented.
func (x *Expansion) unwanted(outputs ...int) error {
	for _, i := range outputs {
		if x.wants(i) {
			return unsupported(x.Node, "output %d", i)
		}
	}
	return nil
}

// plus adds a value that may be omitted.
func (x *Expansion) plus(value, addend string) string {
	if addend == "" {
		return value
	}
	return x.value("Add", nil, value, addend)
}

// expanded makes an operator of com.microsoft that stands for others.
func expanded(name, opType string, inputs int, expand func(x *Expansion) error) *Op {
	return &Op{Name: name, Domain: graph.DomainMicrosoft, Type: opType, Since: 1, MinInputs: inputs, Expand: expand}
}
