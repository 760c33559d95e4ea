// Package graph is the model: nodes, the named values between them, constants, and the Signature that every API,
// page and form derives from. A linear SVM, a tree ensemble and a transformer are the same type here. Nodes of control flow
// hold graphs, their bodies, which may read values of the graphs around them. Values are tensors, or sequences, optionals
// and maps made of values. Execution is in graph/plan, operators are in graph/ops, files in loader.
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
	Files    []string // that it was read from; nil where that is not known
	// Owned says that nothing else has the memory of its constants, so that passes may write there.
	Owned bool
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
	c.Graph = *m.Graph.Clone()
	return &c
}

// Clone copies the structure, bodies too; tensors are shared.
func (g *Graph) Clone() *Graph {
	c := *g
	c.Inputs = slices.Clone(g.Inputs)
	c.Outputs = slices.Clone(g.Outputs)
	c.Initializers = cloneMap(g.Initializers)
	c.Nodes = make([]*Node, len(g.Nodes))
	for i, n := range g.Nodes {
		nc := *n
		nc.Inputs = slices.Clone(n.Inputs)
		nc.Outputs = slices.Clone(n.Outputs)
		nc.Attrs = cloneMap(n.Attrs)
		for name, a := range nc.Attrs {
			if a.Graph != nil {
				a.Graph = a.Graph.Clone()
				nc.Attrs[name] = a
			}
		}
		c.Nodes[i] = &nc
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
