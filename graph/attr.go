package graph

import (
	"fmt"

	"github.com/hotpath/hotpath/graph/tensor"
)

// AttrKind is the type of an attribute, numbered as AttributeProto.AttributeType.
type AttrKind int32

// The kinds of attributes hotpath reads.
const (
	AttrFloat   AttrKind = 1
	AttrInt     AttrKind = 2
	AttrString  AttrKind = 3
	AttrTensor  AttrKind = 4
	AttrGraph   AttrKind = 5
	AttrFloats  AttrKind = 6
	AttrInts    AttrKind = 7
	AttrStrings AttrKind = 8
	AttrType    AttrKind = 13
)

// Attr is one attribute of a node; Kind says which field holds its value.
type Attr struct {
	Kind    AttrKind
	Float   float32
	Int     int64
	String  string
	Tensor  *tensor.Tensor
	Floats  []float32
	Ints    []int64
	Strings []string
	Graph   *Graph // a body of If, Loop or Scan; it may read values of the graphs around it
	Type    *Value // a type, without a name
	Ref     string // in the body of a function: the attribute of the call that this one stands for
}

// Float32 makes a float attribute.
func Float32(v float32) Attr { return Attr{Kind: AttrFloat, Float: v} }

// Int makes an integer attribute.
func Int(v int64) Attr { return Attr{Kind: AttrInt, Int: v} }

// Str makes a string attribute.
func Str(v string) Attr { return Attr{Kind: AttrString, String: v} }

// Floats makes a list-of-floats attribute.
func Floats(v []float32) Attr { return Attr{Kind: AttrFloats, Floats: v} }

// Ints makes a list-of-integers attribute.
func Ints(v ...int64) Attr { return Attr{Kind: AttrInts, Ints: v} }

// Strs makes a list-of-strings attribute.
func Strs(v []string) Attr { return Attr{Kind: AttrStrings, Strings: v} }

// attr finds an attribute of a kind; a missing one is no error, one of another kind wraps ErrModel.
func (n *Node) attr(name string, kind AttrKind) (Attr, bool, error) {
	a, ok := n.Attrs[name]
	if ok && a.Kind != kind {
		return a, false, fmt.Errorf("%s: attribute %q has kind %d, expected %d: %w", n, name, a.Kind, kind, ErrModel)
	}
	return a, ok, nil
}

// IntAttr reads an integer attribute or its default.
func (n *Node) IntAttr(name string, def int64) (int64, error) {
	if a, ok, err := n.attr(name, AttrInt); err != nil || ok {
		return a.Int, err
	}
	return def, nil
}

// FloatAttr reads a float attribute or its default.
func (n *Node) FloatAttr(name string, def float32) (float32, error) {
	if a, ok, err := n.attr(name, AttrFloat); err != nil || ok {
		return a.Float, err
	}
	return def, nil
}

// StringAttr reads a string attribute or its default.
func (n *Node) StringAttr(name, def string) (string, error) {
	if a, ok, err := n.attr(name, AttrString); err != nil || ok {
		return a.String, err
	}
	return def, nil
}

// FloatsAttr reads a list of floats; nil if it is missing.
func (n *Node) FloatsAttr(name string) ([]float32, error) {
	a, _, err := n.attr(name, AttrFloats)
	return a.Floats, err
}

// IntsAttr reads a list of integers; nil if it is missing.
func (n *Node) IntsAttr(name string) ([]int64, error) {
	a, _, err := n.attr(name, AttrInts)
	return a.Ints, err
}

// StringsAttr reads a list of strings; nil if it is missing.
func (n *Node) StringsAttr(name string) ([]string, error) {
	a, _, err := n.attr(name, AttrStrings)
	return a.Strings, err
}
