package plan

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// codec writes a lowered model, or reads it: each method takes the place of a value and does either, so that both agree. Elements of tensors
// lie outside, a list of the tensors says where. Numbers are varints.
type codec struct {
	reading bool
	data    []byte // written so far, or left to read
	err     error
	tensors []*tensor.Tensor
	numbers map[*tensor.Tensor]int // writing: the place of each in tensors, from 1
}

// fail makes an error of what cannot be read.
func (c *codec) fail() {
	if c.err == nil {
		c.err = fmt.Errorf("a plan of %d more bytes that says something else: %w", len(c.data), graph.ErrFormat)
	}
	c.data = nil
}

func (c *codec) int(v *int64) {
	if !c.reading {
		c.data = binary.AppendVarint(c.data, *v)
		return
	}
	n := 0
	if *v, n = binary.Varint(c.data); n <= 0 {
		*v = 0
		c.fail()
		return
	}
	c.data = c.data[n:]
}

// number is int for values of another type.
func number[T ~int | ~int32 | ~int64 | ~uint8 | ~uint32](c *codec, v *T) {
	n := int64(*v)
	c.int(&n)
	if *v = T(n); int64(*v) != n {
		c.fail()
	}
}

func (c *codec) float(v *float32) {
	bits := math.Float32bits(*v)
	number(c, &bits)
	*v = math.Float32frombits(bits)
}

func (c *codec) string(v *string) {
	n := len(*v)
	number(c, &n)
	switch {
	case !c.reading:
		c.data = append(c.data, *v...)
	case n < 0 || n > len(c.data):
		c.fail()
	default:
		*v, c.data = string(c.data[:n]), c.data[n:]
	}
}

// list is a slice of anything; a nil one stays nil.
func list[T any](c *codec, v *[]T, each func(*T)) {
	n := len(*v)
	if *v == nil {
		n = -1
	}
	number(c, &n)
	if c.reading {
		if n < -1 || n > len(c.data) { // an element has a byte at least
			c.fail()
			n = -1
		}
		if *v = nil; n >= 0 {
			*v = make([]T, n)
		}
	}
	for i := range *v {
		each(&(*v)[i])
	}
}

// table is a map by name.
func table[T any](c *codec, v *map[string]T, each func(*T)) {
	names := slices.Sorted(maps.Keys(*v))
	list(c, &names, c.string)
	if c.reading {
		*v = make(map[string]T, len(names))
	}
	for _, name := range names {
		t := (*v)[name]
		each(&t)
		if c.reading {
			(*v)[name] = t
		}
	}
}

// pointer is what may be nil.
func pointer[T any](c *codec, v **T, each func(*T)) {
	var one []T
	if *v != nil {
		one = []T{**v}
	}
	list(c, &one, each)
	if c.reading && len(one) > 0 {
		*v = &one[0]
	}
}

func (c *codec) lowered(l *lowered) {
	list(c, &l.inputs, c.value)
	list(c, &l.outputs, c.value)
	table(c, &l.metadata, c.string)
	c.graph(&l.graph)
}

func (c *codec) graph(g *graph.Graph) {
	c.string(&g.Name)
	list(c, &g.Inputs, c.value)
	list(c, &g.Outputs, c.value)
	table(c, &g.Initializers, c.tensor)
	list(c, &g.Nodes, func(n **graph.Node) { pointer(c, n, c.node) })
}

func (c *codec) value(v *graph.Value) {
	c.string(&v.Name)
	number(c, &v.DType)
	number(c, &v.Key)
	list(c, &v.Shape, func(d *int) { number(c, d) })
	pointer(c, &v.Elem, c.value)
}

func (c *codec) node(n *graph.Node) {
	c.string(&n.Name)
	c.string(&n.Domain)
	c.string(&n.Op)
	c.int(&n.Opset)
	list(c, &n.Inputs, c.string)
	list(c, &n.Outputs, c.string)
	table(c, &n.Attrs, c.attr)
}

func (c *codec) attr(a *graph.Attr) {
	number(c, &a.Kind)
	c.float(&a.Float)
	c.int(&a.Int)
	c.string(&a.String)
	c.string(&a.Ref)
	list(c, &a.Floats, c.float)
	list(c, &a.Ints, c.int)
	list(c, &a.Strings, c.string)
	c.tensor(&a.Tensor)
	pointer(c, &a.Graph, c.graph)
	pointer(c, &a.Type, c.value)
}

// tensor is the number of a tensor in the list, 0 for nil.
func (c *codec) tensor(t **tensor.Tensor) {
	k := 0
	if !c.reading && *t != nil {
		if k = c.numbers[*t]; k == 0 {
			c.tensors = append(c.tensors, *t)
			k = len(c.tensors)
			c.numbers[*t] = k
		}
	}
	number(c, &k)
	switch {
	case !c.reading || k == 0:
	case k < 0 || k > len(c.tensors):
		c.fail()
	default:
		*t = c.tensors[k-1]
	}
}

// header is a tensor without its elements, but for strings and items.
func (c *codec) header(t *tensor.Tensor) {
	number(c, &t.DType)
	list(c, &t.Shape, func(d *int) { number(c, d) })
	list(c, &t.Strings, c.string)
	list(c, &t.Items, func(item **tensor.Tensor) {
		pointer(c, item, func(t *tensor.Tensor) {
			c.header(t)
			text := string(t.Bytes)
			if c.string(&text); c.reading {
				t.Bytes = append(tensor.AlignedBytes(len(text))[:0], text...)
			}
		})
	})
}
