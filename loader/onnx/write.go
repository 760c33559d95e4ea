package onnx

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// writtenIRVersion is the newest IR version that ONNX Runtime has read for years (1.13 on); nothing written needs more.
const writtenIRVersion = 8

// rowsParam names the unknown first dimension in written files.
const rowsParam = "N"

// Write encodes a model. The same model gives the same bytes: maps are written in the order of their keys.
func Write(m *graph.Model) ([]byte, error) {
	g, err := encodeGraph(&m.Graph)
	if err != nil {
		return nil, err
	}
	var b []byte
	b = appendInt(b, 1, writtenIRVersion)
	if m.Producer != "" {
		b = appendBytes(b, 2, []byte(m.Producer))
	}
	b = appendBytes(b, 7, g)
	for _, domain := range slices.Sorted(maps.Keys(m.Opsets)) {
		var o []byte
		if domain != graph.DomainONNX {
			o = appendBytes(o, 1, []byte(domain))
		}
		b = appendBytes(b, 8, appendInt(o, 2, m.Opsets[domain]))
	}
	for _, key := range slices.Sorted(maps.Keys(m.Metadata)) {
		b = appendBytes(b, 14, appendBytes(appendBytes(nil, 1, []byte(key)), 2, []byte(m.Metadata[key])))
	}
	return b, nil
}

func encodeGraph(g *graph.Graph) ([]byte, error) {
	var b []byte
	for _, n := range g.Nodes {
		if n.Domain == graph.DomainFused {
			return nil, fmt.Errorf("onnx: %s: domain %q is internal: %w", n, n.Domain, graph.ErrUnsupported)
		}
		node, err := encodeNode(n)
		if err != nil {
			return nil, err
		}
		b = appendBytes(b, 1, node)
	}
	name := g.Name
	if name == "" {
		name = "graph" // ONNX demands one
	}
	b = appendBytes(b, 2, []byte(name))
	for _, name := range slices.Sorted(maps.Keys(g.Initializers)) {
		b = appendBytes(b, 5, appendTensor(nil, name, g.Initializers[name]))
	}
	for _, v := range g.Inputs {
		b = appendBytes(b, 11, encodeValue(v))
	}
	for _, v := range g.Outputs {
		b = appendBytes(b, 12, encodeValue(v))
	}
	return b, nil
}

func encodeNode(n *graph.Node) ([]byte, error) {
	var b []byte
	for _, s := range n.Inputs {
		b = appendBytes(b, 1, []byte(s))
	}
	for _, s := range n.Outputs {
		b = appendBytes(b, 2, []byte(s))
	}
	if n.Name != "" {
		b = appendBytes(b, 3, []byte(n.Name))
	}
	b = appendBytes(b, 4, []byte(n.Op))
	for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
		attr, err := encodeAttr(name, n.Attrs[name])
		if err != nil {
			return nil, err
		}
		b = appendBytes(b, 5, attr)
	}
	if n.Domain != graph.DomainONNX {
		b = appendBytes(b, 7, []byte(n.Domain))
	}
	return b, nil
}

func encodeAttr(name string, a graph.Attr) ([]byte, error) {
	b := appendBytes(nil, 1, []byte(name))
	switch a.Kind {
	case graph.AttrFloat:
		b = protowire.AppendTag(b, 2, protowire.Fixed32Type)
		b = protowire.AppendFixed32(b, math.Float32bits(a.Float))
	case graph.AttrInt:
		b = appendInt(b, 3, a.Int)
	case graph.AttrString:
		b = appendBytes(b, 4, []byte(a.String))
	case graph.AttrTensor:
		b = appendBytes(b, 5, appendTensor(nil, "", a.Tensor))
	case graph.AttrGraph:
		body, err := encodeGraph(a.Graph)
		if err != nil {
			return nil, err
		}
		b = appendBytes(b, 6, body)
	case graph.AttrType:
		b = appendBytes(b, 14, encodeType(a.Type))
	case graph.AttrFloats:
		var packed []byte
		for _, v := range a.Floats {
			packed = protowire.AppendFixed32(packed, math.Float32bits(v))
		}
		b = appendBytes(b, 7, packed)
	case graph.AttrInts:
		var packed []byte
		for _, v := range a.Ints {
			packed = protowire.AppendVarint(packed, uint64(v))
		}
		b = appendBytes(b, 8, packed)
	case graph.AttrStrings:
		for _, s := range a.Strings {
			b = appendBytes(b, 9, []byte(s))
		}
	}
	return appendInt(b, 20, int64(a.Kind)), nil
}

func encodeValue(v graph.Value) []byte {
	return appendBytes(appendBytes(nil, 1, []byte(v.Name)), 2, encodeType(&v))
}

// encodeType writes a TypeProto.
func encodeType(v *graph.Value) []byte {
	switch v.DType {
	case tensor.Sequence:
		return appendBytes(nil, 4, appendBytes(nil, 1, encodeType(v.Elem)))
	case tensor.Optional:
		return appendBytes(nil, 9, appendBytes(nil, 1, encodeType(v.Elem)))
	case tensor.Map:
		return appendBytes(nil, 5, appendBytes(appendInt(nil, 1, int64(v.Key.ONNX())), 2, encodeType(v.Elem)))
	}
	t := appendInt(nil, 1, int64(v.DType.ONNX()))
	if v.Shape != nil {
		var shape []byte
		for i, d := range v.Shape {
			var dim []byte
			switch {
			case d >= 0:
				dim = appendInt(nil, 1, int64(d))
			case i == 0:
				dim = appendBytes(nil, 2, []byte(rowsParam))
			}
			shape = appendBytes(shape, 1, dim)
		}
		t = appendBytes(t, 2, shape)
	}
	return appendBytes(nil, 1, t)
}

func appendInt(b []byte, num protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), uint64(v))
}

func appendBytes(b []byte, num protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
}
