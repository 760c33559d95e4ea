package savedmodel

import (
	"fmt"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// translator makes an ONNX graph of the nodes that the outputs of a signature depend on.
type translator struct {
	source    *metaGraph
	model     *graph.Model
	bundle    *bundle
	variables map[string]string // handle to its name in the checkpoint
	top       *scope
	visited   int
	constants map[*tensor.Tensor]string
	problems  []string // what there is no operator for; all of it is named in one error
	count     int
}

// scope is a graph or the body of one call of a function.
type scope struct {
	nodes  map[string]*node
	values map[string][]value // outputs of nodes and arguments
	open   map[string]bool    // nodes being evaluated: a cycle leads back to one
}

// value is what flows along an edge: a value of the ONNX graph, a constant (of which name is empty until it is used), or the handle of a variable.
type value struct {
	name   string
	dtype  tensor.DType
	konst  *tensor.Tensor
	handle string
}

// maxDepth bounds how deep calls and chains of nodes nest, which is the depth of the recursion here.
const maxDepth = 10000

// eval gives the value of a reference.
func (t *translator) eval(s *scope, ref string, depth int) (value, error) {
	name, index := split(ref)
	if index < 0 || depth > maxDepth {
		return value{}, fmt.Errorf("reference %q at depth %d: %w", ref, depth, graph.ErrFormat)
	}
	values, ok := s.values[name]
	if !ok {
		n := s.nodes[name]
		if n == nil {
			return value{}, fmt.Errorf("a reference to node %q, which is not there: %w", name, graph.ErrFormat)
		}
		if s.open == nil {
			s.open = map[string]bool{}
		}
		if s.open[name] {
			return value{}, fmt.Errorf("node %q is part of a cycle: %w", name, graph.ErrUnsupported)
		}
		s.open[name] = true
		if t.visited++; t.visited > maxNodes {
			return value{}, fmt.Errorf("more than %d nodes: %w", maxNodes, graph.ErrLimit)
		}
		var err error
		if values, err = t.node(s, n, depth); err != nil {
			return value{}, err
		}
		s.values[name] = values
	}
	if index >= len(values) {
		return value{}, fmt.Errorf("output %d of node %q, which has %d: %w", index, name, len(values), graph.ErrFormat)
	}
	return values[index], nil
}

// node evaluates the inputs of a node and gives its outputs.
func (t *translator) node(s *scope, n *node, depth int) ([]value, error) {
	in := make([]value, 0, len(n.inputs))
	for _, ref := range n.inputs {
		if _, index := split(ref); index < 0 {
			continue // a dependency without a value
		}
		v, err := t.eval(s, ref, depth+1)
		if err != nil {
			return nil, err
		}
		in = append(in, v)
	}
	if n.op == "StatefulPartitionedCall" || n.op == "PartitionedCall" {
		return t.call(n, in, depth)
	}
	out, err := t.apply(n, in)
	if err != nil {
		return nil, fmt.Errorf("node %q (%s): %w", n.name, n.op, err)
	}
	return out, nil
}

// apply gives the outputs of a node that is no call.
func (t *translator) apply(n *node, in []value) ([]value, error) {
	switch n.op {
	case "VarHandleOp":
		return []value{{handle: n.name}}, nil
	case "ReadVariableOp":
		return t.variable(in)
	case "Const":
		if c := n.attrs["value"].tensor; c != nil {
			return []value{{konst: c, dtype: c.DType}}, nil
		}
		return nil, fmt.Errorf("no value: %w", graph.ErrFormat)
	case "Identity", "IdentityN", "StopGradient", "PreventGradient", "Snapshot":
		return in, nil
	}
	rule := rules[n.op]
	if rule == nil {
		if p := "operator " + n.op; !slices.Contains(t.problems, p) {
			t.problems = append(t.problems, p)
		}
		return make([]value, 8), nil // the search for what else is missing goes on
	}
	if len(in) < rule.inputs {
		return nil, fmt.Errorf("%d inputs, expected %d: %w", len(in), rule.inputs, graph.ErrFormat)
	}
	if len(t.problems) > 0 {
		return make([]value, 8), nil
	}
	out, err := rule.make(t, n, in)
	return []value{out}, err
}

// call evaluates the outputs of a function over its arguments.
func (t *translator) call(n *node, in []value, depth int) ([]value, error) {
	fn := t.source.functions[n.attrs["f"].fn]
	if fn == nil {
		return nil, fmt.Errorf("no function %q: %w", n.attrs["f"].fn, graph.ErrFormat)
	}
	if len(in) != len(fn.args) {
		return nil, fmt.Errorf("%d arguments for function %q, expected %d: %w", len(in), fn.name, len(fn.args), graph.ErrFormat)
	}
	s := &scope{nodes: fn.nodes, values: map[string][]value{}}
	for i, arg := range fn.args {
		s.values[arg] = []value{in[i]}
	}
	out := make([]value, len(fn.outputs))
	for i, name := range fn.outputs {
		var err error
		if out[i], err = t.eval(s, fn.returns[name], depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// variable reads the value of a variable from the checkpoint.
func (t *translator) variable(in []value) ([]value, error) {
	if len(in) != 1 || in[0].handle == "" {
		return nil, fmt.Errorf("not the handle of a variable: %w", graph.ErrFormat)
	}
	key, ok := t.variables[in[0].handle]
	if !ok {
		return nil, fmt.Errorf("nothing restores variable %q: %w", in[0].handle, graph.ErrFormat)
	}
	c, err := t.bundle.read(key)
	if err != nil {
		return nil, err
	}
	return []value{{konst: c, dtype: c.DType}}, nil
}

// use gives the name of a value, making an initializer of a constant.
func (t *translator) use(v value) string {
	if v.konst == nil {
		return v.name
	}
	if t.constants == nil {
		t.constants = map[*tensor.Tensor]string{}
	}
	name, ok := t.constants[v.konst]
	if !ok {
		name = t.fresh("constant")
		t.constants[v.konst] = name
		t.model.Graph.Initializers[name] = v.konst
	}
	return name
}

// fresh gives a name that no value has: those of signatures hold no slash at the start.
func (t *translator) fresh(what string) string {
	t.count++
	return fmt.Sprintf("/%s_%d", what, t.count)
}

func (t *translator) emit(n *graph.Node) {
	n.Opset = opset
	if n.Attrs == nil {
		n.Attrs = map[string]graph.Attr{}
	}
	t.model.Graph.Nodes = append(t.model.Graph.Nodes, n)
}

// add appends a node of one output with the dtype of its first input.
func (t *translator) add(op string, attrs map[string]graph.Attr, in ...value) value {
	names := make([]string, len(in))
	for i, v := range in {
		names[i] = t.use(v)
	}
	out := value{name: t.fresh(op), dtype: in[0].dtype}
	t.emit(&graph.Node{Name: out.name, Op: op, Inputs: names, Outputs: []string{out.name}, Attrs: attrs})
	return out
}

// scalar is a constant of no dimensions.
func scalar(v float64) value {
	c := tensor.Of([]float32{float32(v)})
	return value{konst: c, dtype: c.DType}
}

// ints is a constant list.
func ints(v ...int64) value { c := tensor.Of(v, len(v)); return value{konst: c, dtype: c.DType} }
