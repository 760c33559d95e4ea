package ops

import (
	"math"
	"slices"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opResize changes sizes by constant scales or to constant sizes; opUpsample is its older form. nearest takes every dtype of fixed size,
// linear and cubic every number; both work axis by axis, the last one first.
var (
	opResize   = resizeOp("resize", "Resize", 10)
	opUpsample = resizeOp("upsample", "Upsample", 7)
)

func resizeOp(name, opType string, since int64) *Op {
	return &Op{
		Name: name, Type: opType, Since: since,
		Rows: func(n *graph.Node, in []graph.Arg, rows []bool) bool {
			r, err := resizeOf(n, in)
			if err != nil || !rowsFirst(n, in, rows) {
				return false
			}
			axes := make([]resizeAxis, len(in[0].Shape))
			err = r.axes(n, axes, in[0].Shape)
			return err == nil && len(axes) > 0 && !axes[0].moves(r) && (r.sizes == nil || !slices.Contains(r.which, 0))
		},
		Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
			if err := arity(n, in, 1, 4); err != nil {
				return nil, err
			}
			r, err := resizeOf(n, in)
			if err != nil {
				return nil, err
			}
			if r.nearest == "" {
				if !isNumber(in[0].DType) {
					return nil, unsupported(n, "input 0 is %s, expected a number", in[0].DType)
				}
			}
			axes := make([]resizeAxis, len(in[0].Shape))
			if err := r.axes(n, axes, in[0].Shape); err != nil {
				return nil, err
			}
			shape := make([]int, len(axes))
			for i, a := range axes {
				shape[i] = a.out
			}
			return movable(n, in[0].DType, shape)
		},
		Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
			r, err := resizeOf(n, in)
			if err != nil {
				return nil, err
			}
			if r.nearest != "" {
				return bySize(in[0].DType, resizeNearest[uint8]{n, r}, resizeNearest[uint16]{n, r}, resizeNearest[uint32]{n, r}, resizeNearest[uint64]{n, r}), nil
			}
			if in[0].DType != tensor.Float32 {
				return resizeFloat64{resizeWeighted{n, r}}, nil
			}
			return resizeWeighted{n, r}, nil
		},
	}
}

// resizeConfig is what attributes and constant inputs say.
type resizeConfig struct {
	coordinates string
	nearest     string // how it rounds; "" for linear and cubic
	cubic       bool
	cubicA      float64
	exclude     bool
	antialias   bool
	fill        float32 // extrapolation value
	policy      string
	scales      []float32 // or sizes, for which
	sizes       []int64
	which       []int // their axes
	hasROI      bool  // input 1 holds the start of each of which, then the end
}

func resizeOf(n *graph.Node, in []graph.Arg) (r *resizeConfig, err error) {
	text := func(name, def string) string {
		v, e := n.StringAttr(name, def)
		if e != nil {
			err = e
		}
		return v
	}
	number := func(name string, def float32) float32 {
		v, e := n.FloatAttr(name, def)
		if e != nil {
			err = e
		}
		return v
	}
	flag := func(name string) bool {
		v, e := n.IntAttr(name, 0)
		if e != nil {
			err = e
		}
		return v != 0
	}
	old := n.Op == "Upsample" || n.Opset > 0 && n.Opset < 11
	r = &resizeConfig{
		coordinates: text("coordinate_transformation_mode", "half_pixel"),
		nearest:     text("nearest_mode", "round_prefer_floor"),
		cubicA:      float64(number("cubic_coeff_a", -0.75)),
		exclude:     flag("exclude_outside"), antialias: flag("antialias"),
		fill: number("extrapolation_value", 0), policy: text("keep_aspect_ratio_policy", "stretch"),
	}
	if old {
		r.coordinates, r.nearest = "asymmetric", "simple"
	}
	if err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"}, r.coordinates) {
		return nil, modelErr(n, "attribute \"coordinate_transformation_mode\" is %q", r.coordinates)
	}
	if !slices.Contains([]string{"simple", "round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}, r.nearest) {
		return nil, modelErr(n, "attribute \"nearest_mode\" is %q", r.nearest)
	}
	if !slices.Contains([]string{"stretch", "not_larger", "not_smaller"}, r.policy) {
		return nil, modelErr(n, "attribute \"keep_aspect_ratio_policy\" is %q", r.policy)
	}
	switch mode := text("mode", "nearest"); mode {
	case "nearest":
	case "linear", "bilinear", "cubic":
		r.nearest, r.cubic = "", mode == "cubic"
	default:
		return nil, modelErr(n, "attribute \"mode\" is %q, expected nearest, linear or cubic", mode)
	}
	if err != nil {
		return nil, err
	}
	if err := r.inputs(n, in, old); err != nil {
		return nil, err
	}
	if err := r.order(n, len(in[0].Shape)); err != nil {
		return nil, err
	}
	return r, r.checkRegion(n, in)
}

// maxRegion keeps coordinates far from the limits of integers.
const maxRegion = 1000

// inputs reads the region, the scales and the sizes.
func (r *resizeConfig) inputs(n *graph.Node, in []graph.Arg, old bool) error {
	scales, roi := 2, 1
	if old {
		scales, roi = 1, -1
	}
	if list, err := n.FloatsAttr("scales"); err != nil || list != nil { // opset 7
		r.scales = list
		return err
	}
	if roi > 0 && r.coordinates == "tf_crop_and_resize" {
		if !present(in, roi) {
			return modelErr(n, "no region")
		}
		if err := wantDType(n, in, roi, tensor.Float32, tensor.Float64, tensor.Float16); err != nil {
			return err
		}
		r.hasROI = true
	}
	if present(in, scales) && (!hasConst(in, scales) || in[scales].Const.Len() > 0) {
		if !hasConst(in, scales) {
			return needsValue(n, scales)
		}
		if in[scales].DType != tensor.Float32 {
			return modelErr(n, "input %d is %s, expected float32", scales, in[scales].DType)
		}
		r.scales = tensor.Data[float32](in[scales].Const)
		return nil
	}
	if !present(in, 3) {
		return modelErr(n, "neither scales nor sizes")
	}
	var err error
	r.sizes, err = constInts(n, in, 3)
	return err
}

// order lists the axes that scales, sizes and regions are for.
func (r *resizeConfig) order(n *graph.Node, rank int) error {
	list, err := n.IntsAttr("axes")
	if err != nil {
		return err
	}
	if list == nil {
		for i := range rank {
			list = append(list, int64(i))
		}
	}
	for _, a := range list {
		axis, err := axisOf(n, a, rank)
		if err != nil {
			return err
		}
		if slices.Contains(r.which, axis) {
			return modelErr(n, "axis %d is named twice", a)
		}
		r.which = append(r.which, axis)
	}
	if given := len(r.scales) + len(r.sizes); given != len(r.which) {
		return modelErr(n, "%d scales or sizes for %d axes", given, len(r.which))
	}
	return nil
}

// checkRegion checks the number of bounds, and their values where they are constants.
func (r *resizeConfig) checkRegion(n *graph.Node, in []graph.Arg) error {
	if !r.hasROI {
		return nil
	}
	if count, ok := tensor.Elements(in[1].Shape); !ok || count != 2*len(r.which) {
		return modelErr(n, "a region of shape %v for %d axes", in[1].Shape, len(r.which))
	}
	if len(in[0].Shape) > kernels.MaxAxes || !hasConst(in, 1) {
		return nil
	}
	var axes [kernels.MaxAxes]resizeAxis
	if v, ok := r.region(axes[:], in[1].Const); !ok {
		return modelErr(n, "a region that starts or ends at %g times the size", v)
	}
	return nil
}

// region reads the bounds of each axis; ok is false, and v the bound, where one is too far away.
func (r *resizeConfig) region(axes []resizeAxis, roi *tensor.Tensor) (v float64, ok bool) {
	var bounds [2]float64
	for j, i := range r.which {
		loadFloat64(bounds[:1], roi, j)
		loadFloat64(bounds[1:], roi, len(r.which)+j)
		for _, v := range bounds {
			if !(v >= -maxRegion && v <= maxRegion) {
				return v, false
			}
		}
		axes[i].from, axes[i].to = float32(bounds[0]), float32(bounds[1])
	}
	return 0, true
}

// axes says for a concrete shape what happens along every axis.
func (r *resizeConfig) axes(n *graph.Node, axes []resizeAxis, shape []int) error {
	for i, d := range shape {
		axes[i] = resizeAxis{in: d, out: d, scale: 1, to: 1}
	}
	shared := r.sharedScale(shape)
	for j, i := range r.which {
		a := &axes[i]
		out := 0.0
		switch {
		case r.scales != nil:
			a.scale = r.scales[j]
			out = math.Floor(float64(float32(a.in) * a.scale))
		case shared > 0:
			a.scale = shared
			out = math.Floor(float64(float32(shared*float32(a.in)) + 0.5))
		default:
			out = float64(r.sizes[j])
			a.scale = float32(out) / float32(a.in)
		}
		if !(out >= 0 && out <= math.MaxInt32) || !(a.scale > 0) && out > 0 {
			return modelErr(n, "axis %d of %d elements: %g of them, a scale of %g", i, a.in, out, a.scale)
		}
		if a.out = int(out); a.in == 0 && a.out > 0 {
			return modelErr(n, "axis %d has no elements to make %d of", i, a.out)
		}
	}
	return nil
}

// sharedScale is the one scale of all axes where the aspect ratio is kept, else 0.
func (r *resizeConfig) sharedScale(shape []int) float32 {
	if r.sizes == nil || r.policy == "stretch" {
		return 0
	}
	var scale float32
	for j, i := range r.which {
		s := float32(r.sizes[j]) / float32(shape[i])
		if j == 0 || (s < scale) == (r.policy == "not_larger") {
			scale = s
		}
	}
	return scale
}
