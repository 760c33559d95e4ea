package savedmodel

import (
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/wire"
)

// The messages of TensorFlow that are read, with their field numbers: saved_model.proto, meta_graph.proto, graph.proto, function.proto,
// node_def.proto, attr_value.proto, tensor.proto and tensor_shape.proto.

// metaGraph is a MetaGraphDef.
type metaGraph struct {
	tags       []string
	nodes      []*node
	functions  map[string]*function
	signatures map[string]*signature
	restoreOp  string
}

// node is a NodeDef.
type node struct {
	name, op string
	inputs   []string
	attrs    map[string]attr
}

// attr is an AttrValue.
type attr struct {
	text   string
	number int64 // also a bool or a type
	float  float32
	tensor *tensor.Tensor
	fn     string // the name of a function
}

// function is a FunctionDef.
type function struct {
	name    string
	args    []string
	outputs []string
	nodes   map[string]*node
	order   []*node
	returns map[string]string // output to the value it is
}

// signature is a SignatureDef: names that clients use to values of the graph.
type signature struct{ inputs, outputs map[string]tensorInfo }

type tensorInfo struct {
	name  string
	dtype tensor.DType
	shape []int
}

// dtypes are the element types by their DataType number.
var dtypes = map[int64]tensor.DType{
	1: tensor.Float32, 2: tensor.Float64, 3: tensor.Int32, 4: tensor.Uint8, 5: tensor.Int16, 6: tensor.Int8, 7: tensor.String, 9: tensor.Int64,
	10: tensor.Bool, 14: tensor.BFloat16, 17: tensor.Uint16, 19: tensor.Float16, 22: tensor.Uint32, 23: tensor.Uint64,
}

// Limits of a file.
const (
	maxNodes = 1 << 18
	maxDims  = 8
)

func readSavedModel(data []byte) ([]*metaGraph, error) {
	var graphs []*metaGraph
	err := wire.Walk(data, "SavedModel", func(f wire.Field) error {
		if f.Num != 2 {
			return nil
		}
		b, err := f.Message("meta_graphs")
		if err != nil {
			return err
		}
		g, err := readMetaGraph(b)
		graphs = append(graphs, g)
		return err
	})
	return graphs, err
}

func readMetaGraph(b []byte) (*metaGraph, error) {
	g := &metaGraph{functions: map[string]*function{}, signatures: map[string]*signature{}}
	err := wire.Walk(b, "MetaGraphDef", func(f wire.Field) error {
		if f.Num != 1 && f.Num != 2 && f.Num != 3 && f.Num != 5 {
			return nil
		}
		b, err := f.Message("field")
		if err != nil {
			return err
		}
		switch f.Num {
		case 1:
			return wire.Walk(b, "MetaInfoDef", func(f wire.Field) error {
				if f.Num == 4 {
					tag, err := f.Text("tag")
					g.tags = append(g.tags, tag)
					return err
				}
				return nil
			})
		case 2:
			return readGraphDef(g, b)
		case 3:
			return wire.Walk(b, "SaverDef", func(f wire.Field) (err error) {
				if f.Num == 3 {
					g.restoreOp, err = f.Text("restore_op_name")
				}
				return err
			})
		default:
			return readEntry(b, "signature_def", func(key string, value []byte) error {
				s, err := readSignature(value)
				g.signatures[key] = s
				return err
			})
		}
	})
	return g, err
}

// readEntry reads an entry of a map from text to a message.
func readEntry(b []byte, what string, use func(key string, value []byte) error) error {
	key, value := "", []byte(nil)
	err := wire.Walk(b, what, func(f wire.Field) (err error) {
		switch f.Num {
		case 1:
			key, err = f.Text("key")
		case 2:
			value, err = f.Message("value")
		}
		return err
	})
	if err != nil {
		return err
	}
	return use(key, value)
}

func readGraphDef(g *metaGraph, b []byte) error {
	return wire.Walk(b, "GraphDef", func(f wire.Field) error {
		switch f.Num {
		case 1:
			n, err := readNode(f)
			if g.nodes = append(g.nodes, n); len(g.nodes) > maxNodes {
				return fmt.Errorf("more than %d nodes: %w", maxNodes, graph.ErrLimit)
			}
			return err
		case 2:
			b, err := f.Message("library")
			if err != nil {
				return err
			}
			return wire.Walk(b, "FunctionDefLibrary", func(f wire.Field) error {
				if f.Num != 1 {
					return nil
				}
				b, err := f.Message("function")
				if err != nil {
					return err
				}
				fn, err := readFunction(b)
				if err == nil {
					g.functions[fn.name] = fn
				}
				return err
			})
		}
		return nil
	})
}

func readNode(f wire.Field) (*node, error) {
	b, err := f.Message("node")
	if err != nil {
		return nil, err
	}
	n := &node{attrs: map[string]attr{}}
	err = wire.Walk(b, "NodeDef", func(f wire.Field) (err error) {
		switch f.Num {
		case 1:
			n.name, err = f.Text("name")
		case 2:
			n.op, err = f.Text("op")
		case 3:
			var s string
			s, err = f.Text("input")
			n.inputs = append(n.inputs, s)
		case 5:
			var b []byte
			if b, err = f.Message("attr"); err != nil {
				return err
			}
			err = readEntry(b, "attr", func(key string, value []byte) error {
				a, err := readAttr(value)
				if err != nil {
					return fmt.Errorf("node %q, attribute %q: %w", n.name, key, err)
				}
				n.attrs[key] = a
				return nil
			})
		}
		return err
	})
	return n, err
}

func readAttr(b []byte) (a attr, err error) {
	err = wire.Walk(b, "AttrValue", func(f wire.Field) (err error) {
		switch f.Num {
		case 2:
			a.text, err = f.Text("s")
		case 3, 5, 6:
			a.number, err = f.Int("value")
		case 4:
			a.float = f.Float()
		case 8:
			var t []byte
			if t, err = f.Message("tensor"); err == nil {
				a.tensor, err = readTensor(t)
			}
		case 10:
			var fn []byte
			if fn, err = f.Message("func"); err != nil {
				return err
			}
			err = wire.Walk(fn, "NameAttrList", func(f wire.Field) (err error) {
				if f.Num == 1 {
					a.fn, err = f.Text("name")
				}
				return err
			})
		}
		return err
	})
	return a, err
}

func readFunction(b []byte) (*function, error) {
	fn := &function{nodes: map[string]*node{}, returns: map[string]string{}}
	err := wire.Walk(b, "FunctionDef", func(f wire.Field) error {
		switch f.Num {
		case 1:
			b, err := f.Message("signature")
			if err != nil {
				return err
			}
			return readOpDef(fn, b)
		case 3:
			n, err := readNode(f)
			if err != nil {
				return err
			}
			fn.nodes[n.name] = n
			if fn.order = append(fn.order, n); len(fn.order) > maxNodes {
				return fmt.Errorf("more than %d nodes: %w", maxNodes, graph.ErrLimit)
			}
		case 4:
			b, err := f.Message("ret")
			if err != nil {
				return err
			}
			return readEntry(b, "ret", func(key string, value []byte) error {
				fn.returns[key] = string(value)
				return nil
			})
		}
		return nil
	})
	return fn, err
}

func readOpDef(fn *function, b []byte) error {
	return wire.Walk(b, "OpDef", func(f wire.Field) (err error) {
		switch f.Num {
		case 1:
			fn.name, err = f.Text("name")
		case 2, 3:
			var b []byte
			if b, err = f.Message("arg"); err != nil {
				return err
			}
			err = wire.Walk(b, "ArgDef", func(arg wire.Field) error {
				if arg.Num != 1 {
					return nil
				}
				name, err := arg.Text("name")
				if f.Num == 2 {
					fn.args = append(fn.args, name)
				} else {
					fn.outputs = append(fn.outputs, name)
				}
				return err
			})
		}
		return err
	})
}

func readSignature(b []byte) (*signature, error) {
	s := &signature{inputs: map[string]tensorInfo{}, outputs: map[string]tensorInfo{}}
	err := wire.Walk(b, "SignatureDef", func(f wire.Field) error {
		if f.Num != 1 && f.Num != 2 {
			return nil
		}
		b, err := f.Message("tensors")
		if err != nil {
			return err
		}
		return readEntry(b, "TensorInfo", func(key string, value []byte) error {
			var t tensorInfo
			err := wire.Walk(value, "TensorInfo", func(f wire.Field) (err error) {
				switch f.Num {
				case 1:
					t.name, err = f.Text("name")
				case 2:
					var code int64
					code, err = f.Int("dtype")
					t.dtype = dtypes[code]
				case 3:
					var shape []byte
					if shape, err = f.Message("tensor_shape"); err == nil {
						t.shape, err = readShape(shape)
					}
				}
				return err
			})
			if f.Num == 1 {
				s.inputs[key] = t
			} else {
				s.outputs[key] = t
			}
			return err
		})
	})
	return s, err
}

// readShape reads a TensorShapeProto: -1 for an unknown dimension, nil for an unknown rank.
func readShape(b []byte) ([]int, error) {
	shape := []int{}
	err := wire.Walk(b, "TensorShapeProto", func(f wire.Field) error {
		switch f.Num {
		case 2:
			b, err := f.Message("dim")
			if err != nil {
				return err
			}
			size := int64(0)
			err = wire.Walk(b, "Dim", func(f wire.Field) (err error) {
				if f.Num == 1 {
					size, err = f.Int("size")
				}
				return err
			})
			if err != nil {
				return err
			}
			if size < -1 || size > 1<<40 || len(shape) == maxDims {
				return fmt.Errorf("a dimension of %d, or more than %d: %w", size, maxDims, graph.ErrLimit)
			}
			shape = append(shape, int(size))
		case 3:
			if f.Varint != 0 {
				shape = nil
			}
		}
		return nil
	})
	return shape, err
}

// maxConstantBytes bounds a constant of which the file holds fewer values than elements: the last is repeated.
const maxConstantBytes = 64 << 20

func readTensor(b []byte) (*tensor.Tensor, error) {
	var (
		d       tensor.DType
		code    int64
		shape   = []int{}
		content []byte
		floats  []float32
		doubles []float64
		ints    []int64
		texts   []string
	)
	err := wire.Walk(b, "TensorProto", func(f wire.Field) (err error) {
		switch f.Num {
		case 1:
			code, err = f.Int("dtype")
			d = dtypes[code]
		case 2:
			var s []byte
			if s, err = f.Message("tensor_shape"); err == nil {
				shape, err = readShape(s)
			}
		case 4:
			content, err = f.Message("tensor_content")
		case 5:
			floats, err = f.AppendFloats(floats, "float_val")
		case 6:
			doubles, err = f.AppendDoubles(doubles, "double_val")
		case 7, 10, 11, 13, 16, 17:
			ints, err = f.AppendInts(ints, "int_val")
		case 8:
			var s string
			s, err = f.Text("string_val")
			texts = append(texts, s)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if d == tensor.Invalid {
		return nil, fmt.Errorf("a constant of data type %d: %w", code, graph.ErrUnsupported)
	}
	n, ok := tensor.Elements(shape)
	if !ok || n > maxConstantBytes/8 {
		return nil, fmt.Errorf("a constant of shape %v: %w", shape, graph.ErrLimit)
	}
	t := tensor.New(d, shape...)
	if len(content) > 0 {
		if len(content) != len(t.Bytes) {
			return nil, wire.Errorf("TensorProto", 0, "%d bytes for shape %v of %s", len(content), shape, d)
		}
		copy(t.Bytes, content)
		return t, nil
	}
	for i := range n {
		switch d {
		case tensor.Float32:
			tensor.Data[float32](t)[i] = repeated(floats, i)
		case tensor.Float64:
			tensor.Data[float64](t)[i] = repeated(doubles, i)
		case tensor.String:
			t.Strings[i] = repeated(texts, i)
		default:
			wire.PutInt(t.Bytes, i, d.Size(), repeated(ints, i))
		}
	}
	return t, nil
}

// repeated is value i of a list whose last value stands for those missing; zero where it is empty.
func repeated[T any](list []T, i int) (v T) {
	if len(list) > 0 {
		v = list[min(i, len(list)-1)]
	}
	return v
}

// toInt64 gives the elements of a constant of integers.
func toInt64(t *tensor.Tensor) ([]int64, bool) {
	switch t.DType {
	case tensor.Int64:
		return tensor.Data[int64](t), true
	case tensor.Int32:
		out := make([]int64, t.Len())
		for i, v := range tensor.Data[int32](t) {
			out[i] = int64(v)
		}
		return out, true
	}
	return nil, false
}
