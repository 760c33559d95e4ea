package passes

import (
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/ops"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// concat packs the joining of channels of packed values.
func (l *packing) concat(n *graph.Node) bool {
	axis, err := n.IntAttr("axis", 0)
	if err != nil {
		return false
	}
	channels, axes, whole := 0, 0, true
	var inputs []string
	var counts []int64
	for i, in := range n.Inputs {
		v, ok := l.packed[in]
		if !ok || i > 0 && v.axes != axes {
			return false
		}
		whole = whole && channels%kernels.ConvLanes == 0
		inputs, counts, channels, axes = append(inputs, v.name), append(counts, int64(v.channels)), channels+v.channels, v.axes
	}
	if axis != 1 && axis != int64(-1-axes) {
		return false
	}
	joined := *n
	if whole { // all parts but the last are whole blocks
		joined.Attrs = map[string]graph.Attr{"axis": graph.Int(1)}
		return l.emit(&joined, n.Domain, inputs, channels, axes)
	}
	joined.Attrs = map[string]graph.Attr{ops.AttrChannels: graph.Ints(counts...)}
	return l.emit(&joined, graph.DomainFused, inputs, channels, axes)
}

// resize packs scaling of images to the nearest pixel.
func (l *packing) resize(n *graph.Node, v packedValue) bool {
	mode, err := n.StringAttr("mode", "nearest")
	if err != nil || mode != "nearest" || v.axes != 2 || len(n.Inputs) != 3 || n.Opset > 0 && n.Opset < 11 || n.Attrs["axes"].Ints != nil {
		return false
	}
	if c, err := n.StringAttr("coordinate_transformation_mode", ""); err != nil || c == "tf_crop_and_resize" {
		return false
	}
	t := l.g.Initializers[n.Inputs[2]]
	if t == nil || t.DType != tensor.Float32 || t.Len() != 4 {
		return false
	}
	scales := tensor.Data[float32](t)
	return scales[0] == 1 && scales[1] == 1 && l.emit(n, graph.DomainFused, []string{v.name, "", n.Inputs[2]}, v.channels, v.axes)
}

// convTranspose packs transposed convolutions of packed values whose kernel is their stride. Where they have few channels, they unpack them.
func (l *packing) convTranspose(n *graph.Node) bool {
	v, ok := l.packed[n.Inputs[0]]
	w := l.g.Initializers[n.Inputs[1]]
	if !ok || v.axes != 2 || w == nil || w.DType != tensor.Float32 || len(w.Shape) != 4 || w.Len() == 0 || w.Shape[0] != v.channels {
		return false
	}
	if len(n.Inputs) == 3 && n.Inputs[2] != "" {
		if b := l.g.Initializers[n.Inputs[2]]; b == nil || b.DType != tensor.Float32 || !slices.Equal(b.Shape, w.Shape[1:2]) {
			return false
		}
	}
	groups, err := n.IntAttr("group", 1)
	pad, errPad := n.StringAttr("auto_pad", "NOTSET")
	if err != nil || errPad != nil || groups != 1 || pad != "NOTSET" && pad != "VALID" || n.Attrs["output_shape"].Ints != nil {
		return false
	}
	for _, list := range []struct {
		name string
		want []int64
	}{
		{"strides", []int64{int64(w.Shape[2]), int64(w.Shape[3])}}, {"dilations", []int64{1, 1}}, {"pads", []int64{0, 0, 0, 0}},
		{"output_padding", []int64{0, 0}}, {"kernel_shape", []int64{int64(w.Shape[2]), int64(w.Shape[3])}},
	} {
		given, err := n.IntsAttr(list.name)
		if err != nil || (given != nil || list.name == "strides") && !slices.Equal(given, list.want) {
			return false
		}
	}
	inputs := append([]string{v.name}, n.Inputs[1:]...)
	if w.Shape[1] >= kernels.ConvLanes {
		return l.emit(&graph.Node{Name: n.Name, Op: n.Op, Outputs: n.Outputs}, graph.DomainFused, inputs, w.Shape[1], v.axes)
	}
	l.plain[n.Outputs[0]] = true
	l.nodes = append(l.nodes, &graph.Node{Name: n.Name, Domain: graph.DomainFused, Op: n.Op, Inputs: inputs, Outputs: n.Outputs,
		Attrs: map[string]graph.Attr{ops.AttrPlanes: graph.Int(1)}})
	return true
}
