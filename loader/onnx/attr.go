package onnx

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/loader/wire"
)

func readAttr(n *graph.Node, f wire.Field, c context) error {
	b, err := f.Message("attribute")
	if err != nil {
		return err
	}
	var a graph.Attr
	name, kind := "", int64(0)
	err = wire.Walk(b, "AttributeProto", func(f wire.Field) (err error) {
		var s string
		switch f.Num {
		case 1:
			name, err = readName(f, "attribute name")
		case 2:
			a.Float, a.Kind = f.Float(), graph.AttrFloat
		case 3:
			a.Int, err = f.Int("attribute i")
			a.Kind = graph.AttrInt
		case 4:
			a.String, err = f.Text("attribute s")
			a.Kind = graph.AttrString
		case 5:
			var t []byte
			if t, err = f.Message("attribute t"); err == nil {
				_, a.Tensor, err = readTensor(t, c.files, c.own)
			}
			a.Kind = graph.AttrTensor
		case 6:
			var body []byte
			if body, err = f.Message("attribute g"); err == nil {
				a.Graph = &graph.Graph{}
				err = readGraph(a.Graph, body, c.deeper())
			}
			a.Kind = graph.AttrGraph
		case 7:
			a.Floats, err = f.AppendFloats(a.Floats, "attribute floats")
			a.Kind = graph.AttrFloats
		case 8:
			a.Ints, err = f.AppendInts(a.Ints, "attribute ints")
			a.Kind = graph.AttrInts
		case 9:
			s, err = f.Text("attribute strings")
			a.Strings = append(a.Strings, s)
			a.Kind = graph.AttrStrings
		case 14:
			var t []byte
			if t, err = f.Message("attribute tp"); err == nil {
				a.Type = &graph.Value{}
				err = readType(a.Type, t, 0)
			}
			a.Kind = graph.AttrType
		case 20:
			kind, err = f.Int("attribute type")
		case 21:
			a.Ref, err = readName(f, "ref_attr_name")
		case 10, 11, 15, 22, 23:
			err = fmt.Errorf("%s: attribute %q holds a list of tensors or graphs, or a sparse tensor: %w", n, name, graph.ErrUnsupported)
		}
		return err
	})
	if err != nil {
		return err
	}
	if kind != 0 { // an empty list or a zero value is only visible in the declared type
		if a.Kind != 0 && a.Kind != graph.AttrKind(kind) {
			return wire.Errorf("attribute", 0, "%q declares type %d and holds type %d", name, kind, a.Kind)
		}
		a.Kind = graph.AttrKind(kind)
		if a.Ref != "" {
			// What the call has is known when it is inlined.
		} else if a.Kind == graph.AttrTensor && a.Tensor == nil || a.Kind == graph.AttrGraph && a.Graph == nil || a.Kind == graph.AttrType && a.Type == nil {
			return wire.Errorf("attribute", 0, "%q declares a value of type %d and holds none", name, a.Kind)
		}
	}
	if _, dup := n.Attrs[name]; dup {
		return wire.Errorf("attribute", 0, "%q twice in one node", name)
	}
	n.Attrs[name] = a
	return nil
}
