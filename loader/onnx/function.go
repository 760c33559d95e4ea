package onnx

import (
	"fmt"
	"strconv"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/wire"
)

// Limits of what the calls of functions may grow to: a file of a few lines can ask for 2^n nodes.
const (
	maxFunctions     = 1 << 14
	maxInlinedNodes  = 1 << 17
	maxInlinedNaming = 64 << 20 // bytes of names
)

// function is a model-local function: a graph with the attributes that its nodes refer to.
type function struct {
	body     graph.Graph
	defaults map[string]graph.Attr
	state    int // of the search for cycles
}

// functionKey is what a node calls a function by.
type functionKey struct{ domain, op string }

// overloaded makes one name of an operator type and the overload of a function; ":" is in no name of an operator.
func overloaded(op, overload string) string {
	if overload == "" {
		return op
	}
	return op + ":" + overload
}

// refers reports whether an attribute of n stands for one of the call that its function is inlined for.
func refers(n *graph.Node) bool {
	for _, a := range n.Attrs {
		if a.Ref != "" {
			return true
		}
	}
	return false
}

// inlineFunctions replaces the calls of functions by their nodes.
func inlineFunctions(m *graph.Model, messages [][]byte, files *dataFiles) error {
	if len(messages) > maxFunctions {
		return fmt.Errorf("%d functions, expected at most %d: %w", len(messages), maxFunctions, graph.ErrLimit)
	}
	in := &functionInliner{model: m, functions: map[functionKey]*function{}, taken: map[string]bool{}}
	for _, b := range messages {
		if err := in.read(b, context{files: files}); err != nil {
			return err
		}
	}
	for _, key := range in.order {
		if err := in.checkCycles(key); err != nil {
			return err
		}
	}
	if len(in.functions) > 0 {
		in.takeNames(&m.Graph)
	}
	return in.inline(&m.Graph)
}

type functionInliner struct {
	model     *graph.Model
	functions map[functionKey]*function
	order     []functionKey
	taken     map[string]bool
	count     int // of names made
	nodes     int
	naming    int
}

// read decodes a FunctionProto.
func (in *functionInliner) read(b []byte, c context) error {
	f := &function{defaults: map[string]graph.Attr{}}
	f.body.Initializers = map[string]*tensor.Tensor{}
	name, domain, overload := "", "", ""
	opsets := map[string]int64{}
	holder := &graph.Node{Attrs: f.defaults}
	err := wire.Walk(b, "FunctionProto", func(fd wire.Field) (err error) {
		var s string
		switch fd.Num {
		case 1:
			name, err = readName(fd, "function name")
		case 4:
			s, err = readName(fd, "function input")
			f.body.Inputs = append(f.body.Inputs, graph.Value{Name: s})
		case 5:
			s, err = readName(fd, "function output")
			f.body.Outputs = append(f.body.Outputs, graph.Value{Name: s})
		case 7:
			if len(f.body.Nodes) >= maxNodes {
				return fmt.Errorf("more than %d nodes: %w", maxNodes, graph.ErrLimit)
			}
			var n *graph.Node
			if n, err = readNode(fd, c); err == nil {
				f.body.Nodes = append(f.body.Nodes, n)
			}
		case 9:
			err = readOpset(opsets, fd)
		case 10:
			s, err = readName(fd, "function domain")
			domain = normalDomain(s)
		case 11:
			err = readAttr(holder, fd, c)
		case 13:
			overload, err = readName(fd, "function overload")
		}
		return err
	})
	if err != nil {
		return err
	}
	f.body.Name = name
	if err := constantsToInitializers(&f.body); err != nil {
		return err
	}
	setOpsets(&f.body, opsets)
	if err := f.body.Check(); err != nil {
		return fmt.Errorf("function %q: %w", name, err)
	}
	for d, v := range opsets { // what is written later has no functions
		if _, ok := in.model.Opsets[d]; !ok {
			in.model.Opsets[d] = v
		}
	}
	key := functionKey{domain, overloaded(name, overload)}
	if _, dup := in.functions[key]; dup || name == "" {
		return wire.Errorf("functions", 0, "function %q of domain %q has no name or is there twice", name, domain)
	}
	in.functions[key], in.order = f, append(in.order, key)
	return nil
}

// checkCycles refuses functions that call themselves, also through others and from bodies.
func (in *functionInliner) checkCycles(key functionKey) error {
	const open, done = 1, 2
	f := in.functions[key]
	switch {
	case f == nil || f.state == done:
		return nil
	case f.state == open:
		return fmt.Errorf("function %q of domain %q calls itself: %w", key.op, key.domain, graph.ErrModel)
	}
	f.state = open
	err := eachNode(&f.body, func(n *graph.Node) error { return in.checkCycles(functionKey{n.Domain, n.Op}) })
	f.state = done
	return err
}

// eachNode calls f for the nodes of g and of all bodies in it.
func eachNode(g *graph.Graph, f func(*graph.Node) error) error {
	for _, n := range g.Nodes {
		if err := f(n); err != nil {
			return err
		}
		for _, body := range n.Bodies() {
			if err := eachNode(body, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeNames notes all names of a graph.
func (in *functionInliner) takeNames(g *graph.Graph) {
	for _, v := range g.Inputs {
		in.taken[v.Name] = true
	}
	for name := range g.Initializers {
		in.taken[name] = true
	}
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			in.taken[out] = true
		}
		for _, body := range n.Bodies() {
			in.takeNames(body)
		}
	}
}

func (in *functionInliner) fresh(name string) string {
	to := name
	for in.taken[to] {
		in.count++
		to = name + "#" + strconv.Itoa(in.count)
	}
	in.taken[to] = true
	in.naming += len(to)
	return to
}

// inline replaces the calls in g and in its bodies.
func (in *functionInliner) inline(g *graph.Graph) error {
	kept := g.Nodes[:0:0]
	for _, n := range g.Nodes {
		f := in.functions[functionKey{n.Domain, n.Op}]
		if f == nil {
			if refers(n) {
				return fmt.Errorf("%s refers to an attribute outside of a function: %w", n, graph.ErrModel)
			}
			for _, body := range n.Bodies() {
				if err := in.inline(body); err != nil {
					return err
				}
			}
			kept = append(kept, n)
			continue
		}
		body, err := in.instance(f, n)
		if err != nil {
			return err
		}
		if err := in.inline(body); err != nil {
			return err
		}
		for name, t := range body.Initializers {
			if g.Initializers == nil {
				g.Initializers = map[string]*tensor.Tensor{}
			}
			g.Initializers[name] = t
		}
		kept = append(kept, body.Nodes...)
	}
	g.Nodes = kept
	return nil
}

// instance makes the graph of one call of f: values have the names of the caller's, or new ones, attributes the values of the call.
func (in *functionInliner) instance(f *function, call *graph.Node) (*graph.Graph, error) {
	if len(call.Inputs) > len(f.body.Inputs) || len(call.Outputs) > len(f.body.Outputs) {
		return nil, fmt.Errorf("%s: %d inputs and %d outputs, the function has %d and %d: %w", call, len(call.Inputs), len(call.Outputs),
			len(f.body.Inputs), len(f.body.Outputs), graph.ErrModel)
	}
	in.nodes++
	if err := eachNode(&f.body, func(*graph.Node) error { in.nodes++; return nil }); err != nil {
		return nil, err
	}
	if in.nodes > maxInlinedNodes || in.naming > maxInlinedNaming {
		return nil, fmt.Errorf("%s: functions grow to more than %d nodes, or %d bytes of names: %w", call, maxInlinedNodes, maxInlinedNaming, graph.ErrLimit)
	}
	body := f.body.Clone()
	if err := eachNode(body, func(n *graph.Node) error { return f.substitute(n, call) }); err != nil {
		return nil, err
	}
	names := map[string]string{}
	for i, v := range body.Inputs {
		names[v.Name] = ""
		if i < len(call.Inputs) {
			names[v.Name] = call.Inputs[i]
		}
	}
	var copies []*graph.Node
	for i, v := range body.Outputs {
		if i >= len(call.Outputs) || call.Outputs[i] == "" {
			continue
		}
		if _, other := names[v.Name]; other || body.Initializers[v.Name] != nil { // an input, a constant, or an output given twice
			copies = append(copies, &graph.Node{Op: "Identity", Inputs: []string{v.Name}, Outputs: []string{call.Outputs[i]}, Attrs: map[string]graph.Attr{}})
			continue
		}
		names[v.Name] = call.Outputs[i]
	}
	body.Freshen(names, in.fresh)
	for _, n := range copies {
		n.Rename(names)
	}
	body.Nodes = append(body.Nodes, copies...)
	return body, allConstants(body)
}

// allConstants is constantsToInitializers for g and all bodies in it.
func allConstants(g *graph.Graph) error {
	if err := constantsToInitializers(g); err != nil {
		return err
	}
	return eachNode(g, func(n *graph.Node) error {
		for _, body := range n.Bodies() {
			if err := constantsToInitializers(body); err != nil {
				return err
			}
		}
		return nil
	})
}

// substitute gives the attributes of n that refer to some of the call their values: of the call, or the function's default; without either
// n does not have them.
func (f *function) substitute(n, call *graph.Node) error {
	for name, a := range n.Attrs {
		if a.Ref == "" {
			continue
		}
		value, ok := call.Attrs[a.Ref]
		if !ok {
			value, ok = f.defaults[a.Ref]
		}
		if !ok {
			delete(n.Attrs, name)
			continue
		}
		if a.Kind != 0 && value.Kind != a.Kind {
			return fmt.Errorf("%s: attribute %q refers to %q of kind %d, expected %d: %w", n, name, a.Ref, value.Kind, a.Kind, graph.ErrModel)
		}
		n.Attrs[name] = value
	}
	return nil
}
