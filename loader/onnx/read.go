// Package onnx reads and writes ONNX model files: protobuf wire format in, graph.Model out, and back. Reading is for
// hostile files: every count is bounded by the bytes that are there, nothing recurses on the file's word, and nothing
// outside the file is opened. Field numbers are those of onnx.proto (ONNX 1.17, IR version 10).
package onnx

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// Limits of a file, beyond which it is refused with graph.ErrLimit.
const (
	maxStringBytes = 16 << 20
	maxNameBytes   = 4096
	maxNodes       = 1 << 20
	maxDims        = 8
	maxGraphDepth  = 16
)

// Newest versions read; later ones may mean something else.
const (
	maxIRVersion = 14
	maxOpset     = 28
)

// Sniff reports whether the first bytes of a file look like ONNX: field 1 of ModelProto is the IR version.
func Sniff(head []byte) bool {
	return len(head) >= 2 && head[0] == 0x08 && head[1] >= 1 && head[1] <= 0x7f
}

// Read decodes a model file. Errors wrap graph.ErrFormat, ErrModel, ErrLimit or ErrUnsupported.
func Read(data []byte) (*graph.Model, error) {
	m := &graph.Model{Opsets: map[string]int64{}, Metadata: map[string]string{}}
	var graphBytes []byte
	ir := int64(0)
	err := walk(data, "ModelProto", func(f field) (err error) {
		switch f.num {
		case 1:
			ir, err = f.int("ir_version")
		case 2:
			m.Producer, err = f.text("producer_name")
		case 7:
			if graphBytes != nil {
				return formatErr("ModelProto", 0, "two graphs")
			}
			graphBytes, err = f.message("graph")
		case 8:
			err = readOpset(m, f)
		case 14:
			err = readMetadata(m, f)
		case 25:
			err = fmt.Errorf("onnx: model-local functions: %w", graph.ErrUnsupported)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if ir == 0 {
		return nil, formatErr("ModelProto", 0, "no ir_version")
	}
	if ir < 3 || ir > maxIRVersion {
		return nil, fmt.Errorf("onnx: ir_version is %d, expected 3 to %d: %w", ir, maxIRVersion, graph.ErrUnsupported)
	}
	if graphBytes == nil {
		return nil, formatErr("ModelProto", 0, "no graph")
	}
	if err := readGraph(&m.Graph, graphBytes, 0); err != nil {
		return nil, err
	}
	setOpsets(&m.Graph, m.Opsets)
	return m, m.Graph.Check()
}

// setOpsets tells every node, in bodies too, the version of its domain.
func setOpsets(g *graph.Graph, opsets map[string]int64) {
	for _, n := range g.Nodes {
		n.Opset = opsets[n.Domain]
		for _, a := range n.Attrs {
			if a.Graph != nil {
				setOpsets(a.Graph, opsets)
			}
		}
	}
}

func readOpset(m *graph.Model, f field) error {
	b, err := f.message("opset_import")
	if err != nil {
		return err
	}
	domain, version := "", int64(0)
	err = walk(b, "OperatorSetIdProto", func(f field) (err error) {
		switch f.num {
		case 1:
			domain, err = f.text("domain")
		case 2:
			version, err = f.int("version")
		}
		return err
	})
	if err != nil {
		return err
	}
	domain = normalDomain(domain)
	if version < 1 || domain == graph.DomainONNX && version > maxOpset {
		return fmt.Errorf("onnx: opset %d of domain %q, expected 1 to %d: %w", version, domain, maxOpset, graph.ErrUnsupported)
	}
	if _, dup := m.Opsets[domain]; dup {
		return formatErr("opset_import", 0, "domain %q twice", domain)
	}
	m.Opsets[domain] = version
	return nil
}

// normalDomain gives the two spellings of the default domain one form.
func normalDomain(d string) string {
	if d == "ai.onnx" {
		return graph.DomainONNX
	}
	return d
}

func readMetadata(m *graph.Model, f field) error {
	b, err := f.message("metadata_props")
	if err != nil {
		return err
	}
	key, value := "", ""
	err = walk(b, "StringStringEntryProto", func(f field) (err error) {
		switch f.num {
		case 1:
			key, err = f.text("key")
		case 2:
			value, err = f.text("value")
		}
		return err
	})
	m.Metadata[key] = value
	return err
}

// readGraph decodes a GraphProto that lies in depth others.
func readGraph(g *graph.Graph, b []byte, depth int) error {
	if depth > maxGraphDepth {
		return fmt.Errorf("onnx: graphs nest more than %d deep: %w", maxGraphDepth, graph.ErrLimit)
	}
	g.Initializers = map[string]*tensor.Tensor{}
	var inputs []graph.Value
	err := walk(b, "GraphProto", func(f field) (err error) {
		switch f.num {
		case 1:
			if len(g.Nodes) >= maxNodes {
				return fmt.Errorf("onnx: more than %d nodes: %w", maxNodes, graph.ErrLimit)
			}
			var n *graph.Node
			if n, err = readNode(f, depth); err == nil {
				g.Nodes = append(g.Nodes, n)
			}
		case 2:
			g.Name, err = f.text("graph name")
		case 5:
			var b []byte
			if b, err = f.message("initializer"); err != nil {
				return err
			}
			name, t, err := readTensor(b)
			if err != nil {
				return err
			}
			if _, dup := g.Initializers[name]; dup || name == "" {
				return formatErr("initializer", 0, "name %q is empty or used twice", name)
			}
			g.Initializers[name] = t
		case 11:
			inputs, err = appendValue(inputs, f, "input")
		case 12:
			g.Outputs, err = appendValue(g.Outputs, f, "output")
		case 15:
			err = fmt.Errorf("onnx: sparse initializers: %w", graph.ErrUnsupported)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, v := range inputs { // up to IR version 3 initializers are listed as inputs too
		if g.Initializers[v.Name] == nil {
			g.Inputs = append(g.Inputs, v)
		}
	}
	return constantsToInitializers(g)
}

// constantsToInitializers replaces Constant nodes, which are another spelling of initializers.
func constantsToInitializers(g *graph.Graph) error {
	kept := g.Nodes[:0]
	for _, n := range g.Nodes {
		if n.Domain != graph.DomainONNX || n.Op != "Constant" {
			kept = append(kept, n)
			continue
		}
		if len(n.Outputs) != 1 || len(n.Attrs) != 1 {
			return fmt.Errorf("%s: %d outputs and %d attributes, expected one each: %w", n, len(n.Outputs), len(n.Attrs), graph.ErrModel)
		}
		var t *tensor.Tensor
		for name, a := range n.Attrs {
			switch name {
			case "value":
				t = a.Tensor
			case "value_float":
				t = tensor.Of([]float32{a.Float})
			case "value_floats":
				t = tensor.Of(a.Floats, len(a.Floats))
			case "value_int":
				t = tensor.Of([]int64{a.Int})
			case "value_ints":
				t = tensor.Of(a.Ints, len(a.Ints))
			case "value_string":
				t = tensor.OfStrings([]string{a.String})
			case "value_strings":
				t = tensor.OfStrings(a.Strings, len(a.Strings))
			}
		}
		if t == nil {
			return fmt.Errorf("%s: its value is missing or of an unknown kind: %w", n, graph.ErrUnsupported)
		}
		if _, dup := g.Initializers[n.Outputs[0]]; dup {
			return fmt.Errorf("%s: value %q is produced twice: %w", n, n.Outputs[0], graph.ErrModel)
		}
		g.Initializers[n.Outputs[0]] = t
	}
	g.Nodes = kept
	return nil
}

func readName(f field, what string) (string, error) {
	s, err := f.text(what)
	if err == nil && len(s) > maxNameBytes {
		return "", fmt.Errorf("onnx: %s of %d bytes, expected at most %d: %w", what, len(s), maxNameBytes, graph.ErrLimit)
	}
	return s, err
}

func readNode(f field, depth int) (*graph.Node, error) {
	b, err := f.message("node")
	if err != nil {
		return nil, err
	}
	n := &graph.Node{Attrs: map[string]graph.Attr{}}
	err = walk(b, "NodeProto", func(f field) (err error) {
		var s string
		switch f.num {
		case 1:
			s, err = readName(f, "node input")
			n.Inputs = append(n.Inputs, s)
		case 2:
			s, err = readName(f, "node output")
			n.Outputs = append(n.Outputs, s)
		case 3:
			n.Name, err = readName(f, "node name")
		case 4:
			n.Op, err = readName(f, "op_type")
		case 5:
			err = readAttr(n, f, depth)
		case 7:
			s, err = readName(f, "node domain")
			n.Domain = normalDomain(s)
		}
		return err
	})
	return n, err
}

func readAttr(n *graph.Node, f field, depth int) error {
	b, err := f.message("attribute")
	if err != nil {
		return err
	}
	var a graph.Attr
	name, kind := "", int64(0)
	err = walk(b, "AttributeProto", func(f field) (err error) {
		var s string
		switch f.num {
		case 1:
			name, err = readName(f, "attribute name")
		case 2:
			a.Float, a.Kind = float32FromBits(f), graph.AttrFloat
		case 3:
			a.Int, err = f.int("attribute i")
			a.Kind = graph.AttrInt
		case 4:
			a.String, err = f.text("attribute s")
			a.Kind = graph.AttrString
		case 5:
			var t []byte
			if t, err = f.message("attribute t"); err == nil {
				_, a.Tensor, err = readTensor(t)
			}
			a.Kind = graph.AttrTensor
		case 6:
			var body []byte
			if body, err = f.message("attribute g"); err == nil {
				a.Graph = &graph.Graph{}
				err = readGraph(a.Graph, body, depth+1)
			}
			a.Kind = graph.AttrGraph
		case 7:
			a.Floats, err = f.appendFloats(a.Floats, "attribute floats")
			a.Kind = graph.AttrFloats
		case 8:
			a.Ints, err = f.appendInts(a.Ints, "attribute ints")
			a.Kind = graph.AttrInts
		case 9:
			s, err = f.text("attribute strings")
			a.Strings = append(a.Strings, s)
			a.Kind = graph.AttrStrings
		case 14:
			var t []byte
			if t, err = f.message("attribute tp"); err == nil {
				a.Type = &graph.Value{}
				err = readType(a.Type, t, 0)
			}
			a.Kind = graph.AttrType
		case 20:
			kind, err = f.int("attribute type")
		case 10, 11, 15, 21, 22, 23:
			err = fmt.Errorf("onnx: %s: attribute %q holds a list of tensors or graphs, a sparse tensor or a reference: %w", n, name, graph.ErrUnsupported)
		}
		return err
	})
	if err != nil {
		return err
	}
	if kind != 0 { // an empty list or a zero value is only visible in the declared type
		if a.Kind != 0 && a.Kind != graph.AttrKind(kind) {
			return formatErr("attribute", 0, "%q declares type %d and holds type %d", name, kind, a.Kind)
		}
		a.Kind = graph.AttrKind(kind)
		if a.Kind == graph.AttrTensor && a.Tensor == nil || a.Kind == graph.AttrGraph && a.Graph == nil || a.Kind == graph.AttrType && a.Type == nil {
			return formatErr("attribute", 0, "%q declares a value of type %d and holds none", name, a.Kind)
		}
	}
	if _, dup := n.Attrs[name]; dup {
		return formatErr("attribute", 0, "%q twice in one node", name)
	}
	n.Attrs[name] = a
	return nil
}

func appendValue(to []graph.Value, f field, what string) ([]graph.Value, error) {
	b, err := f.message(what)
	if err != nil {
		return to, err
	}
	var v graph.Value
	err = walk(b, "ValueInfoProto", func(f field) (err error) {
		switch f.num {
		case 1:
			v.Name, err = readName(f, what+" name")
		case 2:
			var b []byte
			if b, err = f.message("type"); err == nil {
				err = readType(&v, b, 0)
			}
		}
		return err
	})
	return append(to, v), err
}

func readDim(v *graph.Value, f field) error {
	b, err := f.message("dim")
	if err != nil {
		return err
	}
	if len(v.Shape) == maxDims {
		return fmt.Errorf("onnx: value %q has more than %d dimensions: %w", v.Name, maxDims, graph.ErrLimit)
	}
	dim := int64(-1)
	err = walk(b, "Dimension", func(f field) (err error) {
		if f.num == 1 {
			// Some exporters write -1 for an unknown dimension.
			if dim, err = f.int("dim_value"); err == nil && (dim < -1 || dim > 1<<40) {
				return formatErr("dim_value", 0, "value %q has a dimension of %d", v.Name, dim)
			}
		}
		return err
	})
	v.Shape = append(v.Shape, int(dim))
	return err
}
