// Package graph is the model: nodes, the named values between them, constants, and the Signature that every API,
// page and form derives from. A linear SVM, a tree ensemble and a transformer are the same type here. Execution is in
// graph/plan, operators are in graph/ops, files in loader.
package graph

import (
	"fmt"
	"slices"

	"github.com/hotpath/hotpath/graph/tensor"
)

// Domains of operators.
const (
	DomainONNX      = ""              // ai.onnx
	DomainML        = "ai.onnx.ml"    // classic machine learning
	DomainMicrosoft = "com.microsoft" // ONNX Runtime's own operators, which exporters use
	DomainFused     = "hotpath"       // made by graph/passes for execution, never written to a file
)

// Model is a graph with what the file said about itself.
type Model struct {
	Graph    Graph
	Opsets   map[string]int64  // domain to opset version
	Metadata map[string]string // ONNX metadata_props
	Producer string
}

// Graph is a list of nodes over named values. Every name is produced once: by an input, an initializer or a node.
type Graph struct {
	Name         string
	Inputs       []Value // without initializers
	Outputs      []Value
	Initializers map[string]*tensor.Tensor
	Nodes        []*Node // topologically sorted after Check
}

// Value is a named edge with its declared type. A dimension of -1 is unknown until run time, a nil Shape has an unknown rank.
type Value struct {
	Name  string
	DType tensor.DType
	Shape []int
	Elem  *Value       // of a sequence or an optional: the type inside; of a map: the type of its values
	Key   tensor.DType // of a map: the type of its keys
}

// Node applies an operator to values. Empty strings in Inputs and Outputs are omitted optional ones.
type Node struct {
	Name    string
	Domain  string
	Op      string // ONNX op type, "Gemm"
	Inputs  []string
	Outputs []string
	Attrs   map[string]Attr
	Opset   int64 // version of Domain in the file it came from, for operators whose meaning changed; 0: the newest
}

// String names the node for errors: its own name, or operator and first output where it has none.
func (n *Node) String() string {
	if n.Name != "" {
		return fmt.Sprintf("node %q (%s)", n.Name, n.Op)
	}
	if len(n.Outputs) > 0 {
		return fmt.Sprintf("node of %q (%s)", n.Outputs[0], n.Op)
	}
	return fmt.Sprintf("node (%s)", n.Op)
}

// Clone copies the structure; tensors are shared, since constants never change.
func (m *Model) Clone() *Model {
	c := *m
	c.Opsets = cloneMap(m.Opsets)
	c.Metadata = cloneMap(m.Metadata)
	c.Graph.Inputs = slices.Clone(m.Graph.Inputs)
	c.Graph.Outputs = slices.Clone(m.Graph.Outputs)
	c.Graph.Initializers = cloneMap(m.Graph.Initializers)
	c.Graph.Nodes = make([]*Node, len(m.Graph.Nodes))
	for i, n := range m.Graph.Nodes {
		nc := *n
		nc.Inputs = slices.Clone(n.Inputs)
		nc.Outputs = slices.Clone(n.Outputs)
		nc.Attrs = cloneMap(n.Attrs)
		c.Graph.Nodes[i] = &nc
	}
	return &c
}

func cloneMap[K comparable, V any](m map[K]V) map[K]V {
	c := make(map[K]V, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

// Check proves the structural rules (every value produced once and before use, no cycle, outputs exist) and sorts
// Nodes topologically, keeping the given order where it already is one. Errors wrap ErrModel.
func (g *Graph) Check() error {
	if len(g.Outputs) == 0 {
		return fmt.Errorf("graph %q has no outputs: %w", g.Name, ErrModel)
	}
	const fromOutside = -1
	producer := make(map[string]int)
	for _, v := range g.Inputs {
		if v.Name == "" {
			return fmt.Errorf("graph %q: an input has no name: %w", g.Name, ErrModel)
		}
		if _, dup := producer[v.Name]; dup {
			return fmt.Errorf("input %q is declared twice: %w", v.Name, ErrModel)
		}
		producer[v.Name] = fromOutside
	}
	for name := range g.Initializers {
		if _, dup := producer[name]; dup {
			return fmt.Errorf("value %q is an input and an initializer: %w", name, ErrModel)
		}
		producer[name] = fromOutside
	}
	for i, n := range g.Nodes {
		for _, out := range n.Outputs {
			if out == "" {
				continue
			}
			if _, dup := producer[out]; dup {
				return fmt.Errorf("%s: value %q is produced twice: %w", n, out, ErrModel)
			}
			producer[out] = i
		}
	}
	// Kahn's algorithm; a heap-free queue in node order keeps an already sorted list as it is.
	waiting := make([]int, len(g.Nodes))
	users := make([][]int, len(g.Nodes))
	for i, n := range g.Nodes {
		for _, in := range n.Inputs {
			if in == "" {
				continue
			}
			p, ok := producer[in]
			if !ok {
				return fmt.Errorf("%s: input %q is not produced by anything: %w", n, in, ErrModel)
			}
			if p != fromOutside {
				waiting[i]++
				users[p] = append(users[p], i)
			}
		}
	}
	sorted := make([]*Node, 0, len(g.Nodes))
	var ready []int
	for i := range g.Nodes {
		if waiting[i] == 0 {
			ready = append(ready, i)
		}
	}
	for len(ready) > 0 {
		i := ready[0]
		ready = ready[1:]
		sorted = append(sorted, g.Nodes[i])
		for _, u := range users[i] {
			if waiting[u]--; waiting[u] == 0 {
				ready = append(ready, u)
			}
		}
	}
	if len(sorted) != len(g.Nodes) {
		for i, w := range waiting {
			if w > 0 {
				return fmt.Errorf("%s is part of a cycle: %w", g.Nodes[i], ErrModel)
			}
		}
	}
	for _, out := range g.Outputs {
		if _, ok := producer[out.Name]; !ok {
			return fmt.Errorf("output %q is not produced by anything: %w", out.Name, ErrModel)
		}
	}
	g.Nodes = sorted
	return nil
}
