package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/kernels"
)

// window is what the attributes of a convolution or pooling say, by spatial axis. One spatial axis is treated as the second of two.
type window struct {
	kernel, stride, dilation []int
	before, after            []int
	same                     string // "UPPER", "LOWER": pads follow from the shape
	ceil                     bool
}

// windowOf reads the attributes for axes spatial axes; kernel is given by the weights or read from "kernel_shape".
func windowOf(n *graph.Node, axes int, kernel []int) (*window, error) {
	if axes < 1 || axes > 3 {
		return nil, unsupported(n, "%d spatial axes, expected 1 to 3", axes)
	}
	return windowNd(n, axes, kernel)
}

// windowNd is windowOf for any number of axes.
func windowNd(n *graph.Node, axes int, kernel []int) (*window, error) {
	w := &window{kernel: kernel}
	var pads []int
	for _, list := range []struct {
		name       string
		to         *[]int
		count, def int
	}{{"kernel_shape", &w.kernel, axes, 0}, {"strides", &w.stride, axes, 1}, {"dilations", &w.dilation, axes, 1}, {"pads", &pads, 2 * axes, 0}} {
		given, err := n.IntsAttr(list.name)
		if err != nil {
			return nil, err
		}
		least := int64(1)
		if list.name == "pads" {
			least = 0
		}
		if given != nil && len(given) != list.count || slices.ContainsFunc(given, func(v int64) bool { return v < least || v > math.MaxInt32 }) {
			return nil, modelErr(n, "attribute %q is %v", list.name, given)
		}
		values := make([]int, list.count)
		for i := range values {
			values[i] = list.def
			if given != nil {
				values[i] = int(given[i])
			}
		}
		if list.name == "kernel_shape" && kernel != nil {
			if given != nil && !slices.Equal(values, kernel) {
				return nil, modelErr(n, "attribute \"kernel_shape\" is %v, weights have %v", given, kernel)
			}
			continue
		}
		if list.name == "kernel_shape" && given == nil {
			return nil, modelErr(n, "attribute \"kernel_shape\" is missing")
		}
		*list.to = values
	}
	auto, err := n.StringAttr("auto_pad", "NOTSET")
	if err != nil {
		return nil, err
	}
	switch auto {
	case "NOTSET", "VALID":
		if auto == "VALID" {
			pads = make([]int, 2*axes)
		}
	case "SAME_UPPER", "SAME_LOWER":
		w.same = auto[len("SAME_"):]
	default:
		return nil, modelErr(n, "attribute \"auto_pad\" is %q", auto)
	}
	w.before, w.after = pads[:axes], pads[axes:]
	ceil, err := n.IntAttr("ceil_mode", 0)
	w.ceil = ceil != 0
	return w, err
}

// output returns the size of output axis i for d inputs and the padding before it; the size is 0 or less where the kernel does not fit.
func (w *window) output(i, d int) (size, before, after int) {
	extent := (w.kernel[i]-1)*w.dilation[i] + 1
	if w.same != "" {
		size = (d + w.stride[i] - 1) / w.stride[i]
		total := max(0, (size-1)*w.stride[i]+extent-d)
		if before = total / 2; w.same == "LOWER" {
			before = total - before
		}
		return size, before, total - before
	}
	room := d + w.before[i] + w.after[i] - extent
	if room < 0 {
		return 0, w.before[i], w.after[i]
	}
	size = room/w.stride[i] + 1
	// A window of ceil_mode must start inside the image or the padding before it.
	if w.ceil && room%w.stride[i] != 0 && size*w.stride[i] < d+w.before[i] {
		size++
	}
	return size, w.before[i], w.after[i]
}

// inferSpatial returns the shape [batch, channels, …] with the spatial axes of in run through w.
func (w *window) inferSpatial(n *graph.Node, in []int, channels int) ([]int, error) {
	out := append([]int{in[0], channels}, in[2:]...)
	for i, d := range in[2:] {
		if out[2+i], _, _ = w.output(i, d); out[2+i] < 1 {
			return nil, modelErr(n, "kernel %v with dilations %v does not fit input %v with pads %v and %v", w.kernel, w.dilation, in, w.before, w.after)
		}
	}
	return out, nil
}

// shape gives kernels the geometry of an input of one or two spatial axes, and the padded size.
func (w *window) shape(in []int) (s kernels.ConvShape, padH, padW int) {
	s = kernels.ConvShape{H: 1, OH: 1, KH: 1, StrideH: 1, DilationH: 1}
	padH = 1
	last := len(in) - 3
	if last == 1 {
		var after int
		s.H, s.KH, s.StrideH, s.DilationH = in[2], w.kernel[0], w.stride[0], w.dilation[0]
		s.OH, s.Top, after = w.output(0, s.H)
		padH = s.H + s.Top + after
	}
	var after int
	s.W, s.KW, s.StrideW, s.DilationW = in[2+last], w.kernel[last], w.stride[last], w.dilation[last]
	s.OW, s.Left, after = w.output(last, s.W)
	return s, padH, s.W + s.Left + after
}
