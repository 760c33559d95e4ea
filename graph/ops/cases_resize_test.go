package ops_test

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

var (
	line  = f32([]float32{1, 3}, 1, 2)
	twice = vec(1, 2)
)

// resizeCases leave the region out: input 1 is empty, 2 has scales, 3 sizes.
var resizeCases = []opCase{
	{op: "Resize", consts: []int{1, 2}, in: ts(line, vec(), twice), want: ts(f32([]float32{1, 1, 3, 3}, 1, 4))},
	{name: "both axes", op: "Resize", consts: []int{1, 2}, in: ts(f32([]float32{1, 2, 3, 4, 5, 6}, 2, 3), vec(), vec(2, 2)), want: ts(f32([]float32{1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 4, 4, 5, 5, 6, 6}, 4, 6))},
	{name: "rows", op: "Resize", consts: []int{1, 2}, in: ts(f32([]float32{1, 2, 3, 4}, 2, 1, 2), vec(), vec(1, 2, 1)), want: ts(f32([]float32{1, 2, 1, 2, 3, 4, 3, 4}, 2, 2, 2))},
	{name: "thrice", op: "Resize", consts: []int{1, 2}, in: ts(f32([]float32{1, 3, 5, 7}, 2, 2), vec(), vec(1, 3)), want: ts(f32([]float32{1, 1, 1, 3, 3, 3, 5, 5, 5, 7, 7, 7}, 2, 6))},
	{name: "uneven", op: "Resize", consts: []int{1, 2}, in: ts(f32([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 4), vec(), vec(1, 1.25)), want: ts(f32([]float32{1, 2, 2, 3, 4, 5, 6, 6, 7, 8}, 2, 5))},
	{name: "odd width", op: "Resize", consts: []int{1, 2, 3}, in: ts(f32([]float32{1, 2, 3, 4}, 2, 2), vec(), vec(), i64([]int64{2, 3}, 2)), want: ts(f32([]float32{1, 1, 2, 3, 3, 4}, 2, 3))},
	{name: "bytes", op: "Resize", consts: []int{1, 2}, in: ts(tensor.Of([]uint8{1, 3}, 1, 2), vec(), twice), want: ts(tensor.Of([]uint8{1, 1, 3, 3}, 1, 4))},
	{name: "linear", op: "Resize", attrs: attrs("mode", graph.Str("linear")), consts: []int{1, 2}, in: ts(line, vec(), twice), want: ts(f32([]float32{1, 1.5, 2.5, 3}, 1, 4))},
	{name: "linear from one", op: "Resize", attrs: attrs("mode", graph.Str("linear")), consts: []int{1, 2}, in: ts(f32([]float32{inf}, 1, 1), vec(), twice), want: ts(f32([]float32{inf, inf}, 1, 2))},
	{name: "linear rows", op: "Resize", attrs: attrs("mode", graph.Str("linear")), consts: []int{1, 2}, in: ts(f32([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2), vec(), vec(1, 2, 1)), want: ts(f32([]float32{1, 2, 1.5, 2.5, 2.5, 3.5, 3, 4, 5, 6, 5.5, 6.5, 6.5, 7.5, 7, 8}, 2, 4, 2))},
	{name: "aligned", op: "Resize", attrs: attrs("mode", graph.Str("linear"), "coordinate_transformation_mode", graph.Str("align_corners")), consts: []int{1, 2, 3}, in: ts(line, vec(), vec(), i64([]int64{1, 3}, 2)), want: ts(f32([]float32{1, 2, 3}, 1, 3))},
	{name: "cubic", op: "Resize", attrs: attrs("mode", graph.Str("cubic")), consts: []int{1, 2}, in: ts(f32([]float32{2, 2, 2}, 1, 3), vec(), twice), want: ts(f32([]float32{2, 2, 2, 2, 2, 2}, 1, 6))},
	{name: "antialias", op: "Resize", attrs: attrs("mode", graph.Str("linear"), "antialias", graph.Int(1)), consts: []int{1, 2}, in: ts(f32([]float32{4, 4, 4, 4}, 1, 4), vec(), vec(1, 0.5)), want: ts(f32([]float32{4, 4}, 1, 2))},
	{name: "region", op: "Resize", attrs: attrs("mode", graph.Str("linear"), "coordinate_transformation_mode", graph.Str("tf_crop_and_resize"), "extrapolation_value", graph.Float32(9)), consts: []int{1, 2, 3}, in: ts(line, vec(0, 0, 1, 2), vec(), i64([]int64{1, 3}, 2)), want: ts(f32([]float32{1, 3, 9}, 1, 3))},
	{name: "region of bytes", op: "Resize", attrs: attrs("coordinate_transformation_mode", graph.Str("tf_crop_and_resize")), consts: []int{1, 2, 3}, in: ts(tensor.Of([]uint8{1, 3}, 1, 2), vec(0, 0, 1, 2), vec(), i64([]int64{1, 3}, 2)), want: ts(tensor.Of([]uint8{1, 3, 0}, 1, 3))},
	{name: "ratio", op: "Resize", attrs: attrs("keep_aspect_ratio_policy", graph.Str("not_larger")), consts: []int{1, 2, 3}, in: ts(f32([]float32{1, 2, 3, 4}, 2, 2), vec(), vec(), i64([]int64{1, 2}, 2)), want: ts(f32([]float32{1}, 1, 1))},
	{name: "empty", op: "Resize", consts: []int{1, 2}, in: ts(f32(nil, 1, 0), vec(), twice), want: ts(f32(nil, 1, 0))},
	{name: "ON11 scales", op: "Resize", consts: []int{1, 2}, in: ts(line, vec(), vec(1, 2, 3)), wantErr: graph.ErrModel},
	{name: "ON11 scale", op: "Resize", consts: []int{1, 2}, in: ts(line, vec(), vec(1, nan)), wantErr: graph.ErrModel},
	{name: "ON11 huge", op: "Resize", consts: []int{1, 2}, in: ts(line, vec(), vec(1, 3e38)), wantErr: graph.ErrModel},
	{name: "ON11 size", op: "Resize", consts: []int{1, 2, 3}, in: ts(line, vec(), vec(), i64([]int64{1, -3}, 2)), wantErr: graph.ErrModel},
	{name: "ON11 region", op: "Resize", attrs: attrs("coordinate_transformation_mode", graph.Str("tf_crop_and_resize")), consts: []int{1, 2}, in: ts(line, vec(0, 0, 1, nan), twice), wantErr: graph.ErrModel},
	{name: "ON11 mode", op: "Resize", attrs: attrs("mode", graph.Str("magic")), consts: []int{1, 2}, in: ts(line, vec(), twice), wantErr: graph.ErrModel},
	{name: "integers", op: "Resize", attrs: attrs("mode", graph.Str("linear")), consts: []int{1, 2}, in: ts(i64([]int64{-1, -4}, 1, 2), vec(), twice), want: ts(i64([]int64{-1, -1, -3, -4}, 1, 4))},
	{name: "bytes are limited", op: "Resize", attrs: attrs("mode", graph.Str("cubic")), consts: []int{1, 2}, in: ts(tensor.Of([]uint8{0, 0, 255, 255}, 1, 4), vec(), twice), want: ts(tensor.Of([]uint8{0, 0, 0, 57, 197, 255, 255, 255}, 1, 8))},
	{name: "float64", op: "Resize", attrs: attrs("mode", graph.Str("linear")), consts: []int{1, 2}, in: ts(tensor.Of([]float64{1, 3}, 1, 2), vec(), twice), want: ts(tensor.Of([]float64{1, 1.5, 2.5, 3}, 1, 4))},
	{name: "float64 region", op: "Resize", attrs: attrs("mode", graph.Str("linear"), "coordinate_transformation_mode", graph.Str("tf_crop_and_resize"), "extrapolation_value", graph.Float32(9)), consts: []int{1, 2, 3}, in: ts(tensor.Of([]float64{1, 3}, 1, 2), vec(0, 0, 1, 2), vec(), i64([]int64{1, 3}, 2)), want: ts(tensor.Of([]float64{1, 3, 9}, 1, 3))},
	{name: "ON11 booleans", op: "Resize", attrs: attrs("mode", graph.Str("linear")), consts: []int{1, 2}, in: ts(tensor.Of([]bool{true, false}, 1, 2), vec(), twice), wantErr: graph.ErrUnsupported},
	{op: "Upsample", opset: 9, consts: []int{1}, in: ts(line, twice), want: ts(f32([]float32{1, 1, 3, 3}, 1, 4))},
	{name: "attribute", op: "Upsample", opset: 7, attrs: attrs("mode", graph.Str("linear"), "scales", graph.Floats([]float32{1, 2})), in: ts(line), want: ts(f32([]float32{1, 2, 3, 3}, 1, 4))},
}
