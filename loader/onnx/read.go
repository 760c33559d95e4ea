// Package onnx reads and writes ONNX model files: protobuf wire format in, graph.Model out, and back. Reading is for
// hostile files: every count is bounded by the bytes that are there, nothing recurses on the file's word, and nothing
// outside the directory of the file is opened. Field numbers are those of onnx.proto (ONNX 1.17, IR version 10).
package onnx

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/wire"
)

// Limits of a file, beyond which it is refused with graph.ErrLimit.
const (
	maxNameBytes  = 4096
	maxNodes      = 1 << 20
	maxDims       = 8
	maxGraphDepth = 16
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

// Read decodes a model file held in memory; one that keeps tensors in other files is refused. Errors wrap graph.ErrFormat, ErrModel,
// ErrLimit or ErrUnsupported.
func Read(data []byte) (*graph.Model, error) { return named(read(data, context{})) }

// ReadIn is Read for a file that may keep tensors in others below dir: regular ones, by a relative path. self is the file itself, which they
// must not be. Without followLinks no link may lead out of dir, and a file must have one name only. The model takes data over:
// large tensors keep their elements there. Model.Files lists the others.
func ReadIn(data []byte, dir *os.Root, self os.FileInfo, followLinks bool) (*graph.Model, error) {
	files := &dataFiles{dir: dir, model: self, followLinks: followLinks, open: map[string]*dataFile{}}
	defer files.close()
	m, err := read(data, context{files: files, own: true})
	if err == nil {
		m.Files = slices.Sorted(maps.Keys(files.open))
	}
	return named(m, err)
}

// named says in an error what read the file.
func named[T any](v T, err error) (T, error) {
	if err != nil {
		err = fmt.Errorf("onnx: %w", err)
	}
	return v, err
}

func read(data []byte, c context) (*graph.Model, error) {
	m := &graph.Model{Opsets: map[string]int64{}, Metadata: map[string]string{}}
	var graphBytes []byte
	var functions [][]byte
	ir := int64(0)
	err := wire.Walk(data, "ModelProto", func(f wire.Field) (err error) {
		switch f.Num {
		case 1:
			ir, err = f.Int("ir_version")
		case 2:
			m.Producer, err = f.Text("producer_name")
		case 7:
			if graphBytes != nil {
				return wire.Errorf("ModelProto", 0, "two graphs")
			}
			graphBytes, err = f.Message("graph")
		case 8:
			err = readOpset(m.Opsets, f)
		case 14:
			err = readMetadata(m, f)
		case 25:
			var b []byte
			b, err = f.Message("functions")
			functions = append(functions, b)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if ir == 0 {
		return nil, wire.Errorf("ModelProto", 0, "no ir_version")
	}
	if ir < 3 || ir > maxIRVersion {
		return nil, fmt.Errorf("ir_version is %d, expected 3 to %d: %w", ir, maxIRVersion, graph.ErrUnsupported)
	}
	if graphBytes == nil {
		return nil, wire.Errorf("ModelProto", 0, "no graph")
	}
	if err := readGraph(&m.Graph, graphBytes, c); err != nil {
		return nil, err
	}
	setOpsets(&m.Graph, m.Opsets)
	if err := inlineFunctions(m, functions, c.files); err != nil {
		return nil, err
	}
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

func readOpset(opsets map[string]int64, f wire.Field) error {
	b, err := f.Message("opset_import")
	if err != nil {
		return err
	}
	domain, version := "", int64(0)
	err = wire.Walk(b, "OperatorSetIdProto", func(f wire.Field) (err error) {
		switch f.Num {
		case 1:
			domain, err = f.Text("domain")
		case 2:
			version, err = f.Int("version")
		}
		return err
	})
	if err != nil {
		return err
	}
	domain = normalDomain(domain)
	if version < 1 || domain == graph.DomainONNX && version > maxOpset {
		return fmt.Errorf("opset %d of domain %q, expected 1 to %d: %w", version, domain, maxOpset, graph.ErrUnsupported)
	}
	if other, dup := opsets[domain]; dup && other != version { // skl2onnx repeats itself
		return wire.Errorf("opset_import", 0, "domain %q twice, in versions %d and %d", domain, other, version)
	}
	opsets[domain] = version
	return nil
}

// normalDomain gives the two spellings of the default domain one form.
func normalDomain(d string) string {
	if d == "ai.onnx" {
		return graph.DomainONNX
	}
	return d
}

func readMetadata(m *graph.Model, f wire.Field) error {
	b, err := f.Message("metadata_props")
	if err != nil {
		return err
	}
	key, value := "", ""
	err = wire.Walk(b, "StringStringEntryProto", func(f wire.Field) (err error) {
		switch f.Num {
		case 1:
			key, err = f.Text("key")
		case 2:
			value, err = f.Text("value")
		}
		return err
	})
	m.Metadata[key] = value
	return err
}

// readGraph decodes a GraphProto.
func readGraph(g *graph.Graph, b []byte, c context) error {
	if c.depth > maxGraphDepth {
		return fmt.Errorf("graphs nest more than %d deep: %w", maxGraphDepth, graph.ErrLimit)
	}
	g.Initializers = map[string]*tensor.Tensor{}
	var inputs []graph.Value
	err := wire.Walk(b, "GraphProto", func(f wire.Field) (err error) {
		switch f.Num {
		case 1:
			if len(g.Nodes) >= maxNodes {
				return fmt.Errorf("more than %d nodes: %w", maxNodes, graph.ErrLimit)
			}
			var n *graph.Node
			if n, err = readNode(f, c); err == nil {
				g.Nodes = append(g.Nodes, n)
			}
		case 2:
			g.Name, err = f.Text("graph name")
		case 5:
			var b []byte
			if b, err = f.Message("initializer"); err != nil {
				return err
			}
			name, t, err := readTensor(b, c.files, c.own)
			if err != nil {
				return err
			}
			if _, dup := g.Initializers[name]; dup || name == "" {
				return wire.Errorf("initializer", 0, "name %q is empty or used twice", name)
			}
			g.Initializers[name] = t
		case 11:
			inputs, err = appendValue(inputs, f, "input")
		case 12:
			g.Outputs, err = appendValue(g.Outputs, f, "output")
		case 15:
			err = fmt.Errorf("sparse initializers: %w", graph.ErrUnsupported)
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
		if n.Domain != graph.DomainONNX || n.Op != "Constant" || refers(n) {
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

func readName(f wire.Field, what string) (string, error) {
	s, err := f.Text(what)
	if err == nil && len(s) > maxNameBytes {
		return "", fmt.Errorf("%s of %d bytes, expected at most %d: %w", what, len(s), maxNameBytes, graph.ErrLimit)
	}
	return s, err
}

func readNode(f wire.Field, c context) (*graph.Node, error) {
	b, err := f.Message("node")
	if err != nil {
		return nil, err
	}
	n := &graph.Node{Attrs: map[string]graph.Attr{}}
	overload := ""
	err = wire.Walk(b, "NodeProto", func(f wire.Field) (err error) {
		var s string
		switch f.Num {
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
			err = readAttr(n, f, c)
		case 7:
			s, err = readName(f, "node domain")
			n.Domain = normalDomain(s)
		case 8:
			overload, err = readName(f, "node overload")
		}
		return err
	})
	n.Op = overloaded(n.Op, overload)
	return n, err
}

func appendValue(to []graph.Value, f wire.Field, what string) ([]graph.Value, error) {
	b, err := f.Message(what)
	if err != nil {
		return to, err
	}
	var v graph.Value
	err = wire.Walk(b, "ValueInfoProto", func(f wire.Field) (err error) {
		switch f.Num {
		case 1:
			v.Name, err = readName(f, what+" name")
		case 2:
			var b []byte
			if b, err = f.Message("type"); err == nil {
				err = readType(&v, b, 0)
			}
		}
		return err
	})
	return append(to, v), err
}

func readDim(v *graph.Value, f wire.Field) error {
	b, err := f.Message("dim")
	if err != nil {
		return err
	}
	if len(v.Shape) == maxDims {
		return fmt.Errorf("value %q has more than %d dimensions: %w", v.Name, maxDims, graph.ErrLimit)
	}
	dim := int64(-1)
	err = wire.Walk(b, "Dimension", func(f wire.Field) (err error) {
		if f.Num == 1 {
			// Some exporters write -1 for an unknown dimension.
			if dim, err = f.Int("dim_value"); err == nil && (dim < -1 || dim > 1<<40) {
				return wire.Errorf("dim_value", 0, "value %q has a dimension of %d", v.Name, dim)
			}
		}
		return err
	})
	v.Shape = append(v.Shape, int(dim))
	return err
}
