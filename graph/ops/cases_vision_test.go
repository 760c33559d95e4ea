package ops_test

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

var (
	fourPixels = f32([]float32{1, 2, 3, 4}, 1, 1, 2, 2)
	ninePixels = f32([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9}, 1, 1, 3, 3)
	middle     = f32([]float32{0, 0}, 1, 1, 1, 2)
	corners    = f32([]float32{-1, -1, 1, 1, 3, -1, nan, 0}, 1, 1, 4, 2)
	twoBy      = graph.Ints(2, 2)
)

var visionCases = []opCase{
	{op: "GridSample", in: ts(fourPixels, middle), want: ts(f32([]float32{2.5}, 1, 1, 1, 1))},
	{name: "aligned", op: "GridSample", attrs: attrs("align_corners", graph.Int(1)), in: ts(fourPixels, corners), want: ts(f32([]float32{1, 4, 0, 0}, 1, 1, 1, 4))},
	{name: "nearest", op: "GridSample", opset: 16, attrs: attrs("mode", graph.Str("nearest"), "align_corners", graph.Int(1), "padding_mode", graph.Str("border")), in: ts(fourPixels, corners), want: ts(f32([]float32{1, 4, 2, 1}, 1, 1, 1, 4))},
	{name: "reflection", op: "GridSample", attrs: attrs("align_corners", graph.Int(1), "padding_mode", graph.Str("reflection")), in: ts(ninePixels, f32([]float32{-2, -1, 2.5, -1, inf, 0}, 1, 1, 3, 2)), want: ts(f32([]float32{2, 1.5, 4}, 1, 1, 1, 3))},
	{name: "cubic", op: "GridSample", attrs: attrs("mode", graph.Str("cubic"), "padding_mode", graph.Str("border")), in: ts(f32([]float32{3, 3, 3, 3}, 1, 1, 2, 2), f32([]float32{0.25, 5}, 1, 1, 1, 2)), want: ts(f32([]float32{3}, 1, 1, 1, 1))},
	{name: "volume", op: "GridSample", in: ts(f32([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 1, 1, 2, 2, 2), f32([]float32{0, 0, 0}, 1, 1, 1, 1, 3)), want: ts(f32([]float32{4.5}, 1, 1, 1, 1, 1))},
	{name: "float64", op: "GridSample", in: ts(tensor.Of([]float64{1, 2, 3, 4}, 1, 1, 2, 2), tensor.Of([]float64{0, 0}, 1, 1, 1, 2)), want: ts(tensor.Of([]float64{2.5}, 1, 1, 1, 1))},
	{name: "float16", op: "GridSample", in: ts(tensor.Of([]tensor.F16{halfOne, halfThree}, 1, 1, 2), tensor.Of([]tensor.F16{0}, 1, 1, 1)), want: ts(tensor.Of([]tensor.F16{halfTwo}, 1, 1, 1))},
	{name: "ON11 grid", op: "GridSample", in: ts(fourPixels, f32([]float32{0, 0, 0}, 1, 1, 1, 3)), wantErr: graph.ErrModel},
	{name: "ON11 nothing", op: "GridSample", in: ts(f32(nil, 1, 1, 0, 2), middle), wantErr: graph.ErrModel},
	{name: "ON11 mode", op: "GridSample", attrs: attrs("mode", graph.Str("magic")), in: ts(fourPixels, middle), wantErr: graph.ErrModel},

	{op: "AffineGrid", consts: []int{1}, in: ts(f32([]float32{1, 0, 0, 0, 1, 0.5}, 1, 2, 3), list[int64](1, 1, 1, 2)), want: ts(f32([]float32{-0.5, 0.5, 0.5, 0.5}, 1, 1, 2, 2))},
	{name: "volume", op: "AffineGrid", attrs: attrs("align_corners", graph.Int(1)), consts: []int{1}, in: ts(f32([]float32{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}, 1, 3, 4), list[int64](1, 1, 1, 1, 2)), want: ts(f32([]float32{-1, -1, -1, 1, -1, -1}, 1, 1, 1, 2, 3))},
	{name: "ON11 size", op: "AffineGrid", consts: []int{1}, in: ts(f32([]float32{1, 0, 0, 0, 1, 0}, 1, 2, 3), list[int64](1, 1, 1<<40, 2)), wantErr: graph.ErrModel},
	{name: "not known", op: "AffineGrid", in: ts(f32([]float32{1, 0, 0, 0, 1, 0}, 1, 2, 3), list[int64](1, 1, 1, 2)), wantErr: graph.ErrNeedsValue},

	{op: "RoiAlign", opset: 10, in: ts(ninePixels, f32([]float32{0, 0, 2, 2}, 1, 4), list[int64](0)), want: ts(f32([]float32{5}, 1, 1, 1, 1))},
	{name: "maximum", op: "RoiAlign", attrs: attrs("mode", graph.Str("max"), "sampling_ratio", graph.Int(1)), in: ts(ninePixels, f32([]float32{1, 1, 2, 2}, 1, 4), list[int64](0)), want: ts(f32([]float32{5}, 1, 1, 1, 1))},
	{name: "outside", op: "RoiAlign", attrs: attrs("mode", graph.Str("max"), "sampling_ratio", graph.Int(1)), in: ts(f32([]float32{-1}, 1, 1, 1, 1), f32([]float32{8, 8, 9, 9}, 1, 4), list[int64](0)), want: ts(f32([]float32{0}, 1, 1, 1, 1))},
	{name: "float64", op: "RoiAlign", opset: 10, in: ts(tensor.Of([]float64{1, 3}, 1, 1, 1, 2), tensor.Of([]float64{0, 0, 1, 1}, 1, 4), list[int64](0)), want: ts(tensor.Of([]float64{2}, 1, 1, 1, 1))},
	{name: "ON13 image", op: "RoiAlign", in: ts(ninePixels, f32([]float32{0, 0, 2, 2}, 1, 4), list[int64](1)), wantErr: graph.ErrInput},
	{name: "huge", op: "RoiAlign", in: ts(ninePixels, f32([]float32{0, 0, 3e38, 2}, 1, 4), list[int64](0)), wantErr: graph.ErrInput},
	{name: "no number", op: "RoiAlign", in: ts(ninePixels, f32([]float32{nan, 0, 1, 2}, 1, 4), list[int64](0)), wantErr: graph.ErrInput},
	{name: "ON11 regions", op: "RoiAlign", in: ts(ninePixels, f32([]float32{0, 0, 2}, 1, 3), list[int64](0)), wantErr: graph.ErrModel},

	{op: "MaxRoiPool", attrs: attrs("pooled_shape", twoBy), in: ts(ninePixels, f32([]float32{0, 0, 0, 1, 1, 0, 7, 7, 8, 8}, 2, 5)), want: ts(f32([]float32{1, 2, 4, 5, 0, 0, 0, 0}, 2, 1, 2, 2))},
	{name: "ON13 image", op: "MaxRoiPool", attrs: attrs("pooled_shape", twoBy), in: ts(ninePixels, f32([]float32{1, 0, 0, 1, 1}, 1, 5)), wantErr: graph.ErrInput},
	{name: "no number", op: "MaxRoiPool", attrs: attrs("pooled_shape", twoBy), in: ts(ninePixels, f32([]float32{0, 0, nan, 1, 1}, 1, 5)), wantErr: graph.ErrInput},
	{name: "ON11 size", op: "MaxRoiPool", attrs: attrs("pooled_shape", graph.Ints(2)), in: ts(ninePixels, f32([]float32{0, 0, 0, 1, 1}, 1, 5)), wantErr: graph.ErrModel},

	{op: "DeformConv", in: ts(ninePixels, f32([]float32{1, 0, 0, 1}, 1, 1, 2, 2), tensor.New(tensor.Float32, 1, 8, 2, 2)), want: ts(f32([]float32{6, 8, 12, 14}, 1, 1, 2, 2))},
	{name: "moved", op: "DeformConv", in: ts(fourPixels, f32([]float32{2}, 1, 1, 1, 1), f32([]float32{0, 0.5, 0, 9, 0, 0, 0.5, 0}, 1, 2, 2, 2), vec(1), f32([]float32{1, 1, 0.5, 1}, 1, 1, 2, 2)), want: ts(f32([]float32{3, 7, 4.5, 1}, 1, 1, 2, 2))},
	{name: "float64", op: "DeformConv", in: ts(tensor.Of([]float64{1, 2}, 1, 1, 1, 2), tensor.Of([]float64{3}, 1, 1, 1, 1), tensor.New(tensor.Float64, 1, 2, 1, 2)), want: ts(tensor.Of([]float64{3, 6}, 1, 1, 1, 2))},
	{name: "ON11 offset", op: "DeformConv", in: ts(ninePixels, f32([]float32{1, 0, 0, 1}, 1, 1, 2, 2), tensor.New(tensor.Float32, 1, 4, 2, 2)), wantErr: graph.ErrModel},
	{name: "ON11 groups", op: "DeformConv", attrs: attrs("offset_group", graph.Int(2)), in: ts(ninePixels, f32([]float32{1, 0, 0, 1}, 1, 1, 2, 2), tensor.New(tensor.Float32, 1, 8, 2, 2)), wantErr: graph.ErrModel},

	{op: "Col2Im", attrs: attrs("strides", graph.Ints(1, 1)), consts: []int{1, 2}, in: ts(f32([]float32{1, 2, 3, 4}, 1, 2, 2), list[int64](1, 3), list[int64](1, 2)), want: ts(f32([]float32{1, 5, 4}, 1, 1, 1, 3))},
	{name: "line", op: "Col2Im", attrs: attrs("pads", graph.Ints(1, 0), "dilations", graph.Ints(2)), consts: []int{1, 2}, in: ts(tensor.Of([]int32{1, 2, 3, 4}, 1, 2, 2), list[int64](3), list[int64](2)), want: ts(tensor.Of([]int32{2, 3, 4}, 1, 1, 3))},
	{name: "ON11 blocks", op: "Col2Im", consts: []int{1, 2}, in: ts(f32([]float32{1, 2, 3, 4}, 1, 2, 2), list[int64](1, 9), list[int64](1, 2)), wantErr: graph.ErrModel},
	{name: "ON11 dimension", op: "Col2Im", consts: []int{1, 2}, in: ts(f32([]float32{1, 2, 3, 4}, 1, 2, 2), list[int64](1, -3), list[int64](1, 2)), wantErr: graph.ErrModel},

	{op: "MaxUnpool", attrs: attrs("kernel_shape", graph.Ints(2), "strides", graph.Ints(2)), in: ts(f32([]float32{5, 6}, 1, 1, 2), tensor.Of([]int64{1, 2}, 1, 1, 2)), want: ts(f32([]float32{0, 5, 6, 0}, 1, 1, 4))},
	{name: "larger", op: "MaxUnpool", attrs: attrs("kernel_shape", twoBy, "strides", twoBy), consts: []int{2}, in: ts(tensor.Of([]tensor.F16{halfOne}, 1, 1, 1, 1), tensor.Of([]int64{3}, 1, 1, 1, 1), list[int64](1, 1, 2, 3)), want: ts(tensor.Of([]tensor.F16{0, 0, 0, 0, halfOne, 0}, 1, 1, 2, 3))},
	{name: "ON13 position", op: "MaxUnpool", attrs: attrs("kernel_shape", graph.Ints(2)), in: ts(f32([]float32{5}, 1, 1, 1), tensor.Of([]int64{2}, 1, 1, 1)), wantErr: graph.ErrInput},
	{name: "ON11 smaller", op: "MaxUnpool", attrs: attrs("kernel_shape", graph.Ints(2)), consts: []int{2}, in: ts(f32([]float32{5}, 1, 1, 1), tensor.Of([]int64{0}, 1, 1, 1), list[int64](1, 1, 1)), wantErr: graph.ErrModel},

	{op: "CenterCropPad", consts: []int{1}, in: ts(f32([]float32{1, 2, 3, 4, 5, 6}, 2, 3), list[int64](3, 2)), want: ts(f32([]float32{1, 2, 4, 5, 0, 0}, 3, 2))},
	{name: "axes", op: "CenterCropPad", attrs: attrs("axes", graph.Ints(-1)), consts: []int{1}, in: ts(tensor.Of([]uint8{1, 2}, 2, 1), list[int32](4)), want: ts(tensor.Of([]uint8{0, 1, 0, 0, 0, 2, 0, 0}, 2, 4))},
	{name: "ON11 sizes", op: "CenterCropPad", consts: []int{1}, in: ts(line, list[int64](3)), wantErr: graph.ErrModel},
	{name: "ON11 size", op: "CenterCropPad", consts: []int{1}, in: ts(line, list[int64](1, -1)), wantErr: graph.ErrModel},

	{op: "LpPool", attrs: attrs("kernel_shape", twoBy), in: ts(f32([]float32{1, -1, 1, 1}, 1, 1, 2, 2)), want: ts(f32([]float32{2}, 1, 1, 1, 1))},
	{name: "sum", op: "LpPool", opset: 1, attrs: attrs("kernel_shape", graph.Ints(3), "pads", graph.Ints(1, 1), "strides", graph.Ints(2), "p", graph.Float32(1)), in: ts(f32([]float32{1, -2, 3}, 1, 1, 3)), want: ts(f32([]float32{3, 5}, 1, 1, 2))},
	{name: "volume", op: "LpPool", attrs: attrs("kernel_shape", graph.Ints(1, 2, 2), "dilations", graph.Ints(1, 1, 2), "p", graph.Int(1)), in: ts(f32([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 1, 1, 2, 2, 3)), want: ts(f32([]float32{14, 38}, 1, 1, 2, 1, 1))},
	{name: "cube", op: "LpPool", attrs: attrs("kernel_shape", graph.Ints(2), "p", graph.Int(3)), in: ts(f32([]float32{-2, 0}, 1, 1, 2)), want: ts(f32([]float32{2}, 1, 1, 1))},
	{name: "float64", op: "LpPool", attrs: attrs("kernel_shape", graph.Ints(2)), in: ts(tensor.Of([]float64{3, 4}, 1, 1, 2)), want: ts(tensor.Of([]float64{5}, 1, 1, 1))},
	{name: "wide", op: "LpPool", attrs: attrs("kernel_shape", graph.Ints(math.MaxInt32), "pads", graph.Ints(math.MaxInt32, 0), "p", graph.Int(1)), in: ts(f32([]float32{3, 4}, 1, 1, 2)), want: ts(f32([]float32{0, 3, 7}, 1, 1, 3))},
	{name: "ON11 p", op: "LpPool", attrs: attrs("kernel_shape", graph.Ints(2), "p", graph.Int(0)), in: ts(f32([]float32{3, 4}, 1, 1, 2)), wantErr: graph.ErrModel},
	{op: "GlobalLpPool", in: ts(f32([]float32{3, 4, 0, 1}, 1, 2, 2)), want: ts(f32([]float32{5, 1}, 1, 2, 1))},
	{name: "empty", op: "GlobalLpPool", in: ts(f32(nil, 1, 1, 0, 2)), want: ts(f32([]float32{0}, 1, 1, 1, 1))},

	{op: "NonMaxSuppression", consts: []int{0, 1, 2, 3}, in: ts(f32([]float32{0, 0, 2, 2, 2, 2, 0, 0.5, 5, 5, 6, 6}, 1, 3, 4), f32([]float32{0.5, 0.5, 0.9, nan, 1, 0}, 1, 2, 3), list[int64](2), vec(0.5)), want: ts(i64([]int64{0, 0, 2, 0, 0, 0, 0, 1, 1, 0, 1, 2}, 4, 3))},
	{name: "middle", op: "NonMaxSuppression", attrs: attrs("center_point_box", graph.Int(1)), consts: []int{0, 1, 2, 4}, in: ts(f32([]float32{1, 1, 2, 2, 3, 1, 2, 2}, 1, 2, 4), f32([]float32{0.5, 0.25}, 1, 1, 2), i64([]int64{9}), nil, f32([]float32{0.25})), want: ts(i64([]int64{0, 0, 0}, 1, 3))},
	{name: "none", op: "NonMaxSuppression", consts: []int{0, 1}, in: ts(f32([]float32{1, 1, 2, 2}, 1, 1, 4), f32([]float32{0.5}, 1, 1, 1)), want: ts(i64(nil, 0, 3))},
	{name: "not known", op: "NonMaxSuppression", consts: []int{0}, in: ts(f32([]float32{1, 1, 2, 2}, 1, 1, 4), f32([]float32{0.5}, 1, 1, 1)), wantErr: graph.ErrNeedsValue},
	{name: "ON11 boxes", op: "NonMaxSuppression", consts: []int{0, 1}, in: ts(f32([]float32{1, 1, 2, 2}, 1, 1, 4), f32([]float32{0.5, 1}, 1, 1, 2)), wantErr: graph.ErrModel},

	{op: "ImageDecoder", consts: []int{0}, in: ts(list([]uint8("P6 1 1 255\n\x01\x02\x03")...)), want: ts(tensor.Of([]uint8{1, 2, 3}, 1, 1, 3))},
	{name: "blue first", op: "ImageDecoder", attrs: attrs("pixel_format", graph.Str("BGR")), consts: []int{0}, in: ts(list([]uint8("P6 1 1 255\n\x01\x02\x03")...)), want: ts(tensor.Of([]uint8{3, 2, 1}, 1, 1, 3))},
	{name: "grey", op: "ImageDecoder", attrs: attrs("pixel_format", graph.Str("Grayscale")), consts: []int{0}, in: ts(list([]uint8("P6 2 1 255\n\xff\x00\x00\x07\x07\x07")...)), want: ts(tensor.Of([]uint8{76, 7}, 1, 2, 1))},
	{name: "no picture", op: "ImageDecoder", consts: []int{0}, in: ts(list[uint8](1, 2, 3)), wantErr: graph.ErrInput},
	{name: "broken", op: "ImageDecoder", consts: []int{0}, in: ts(list([]uint8("P6 1 1 255\n\x01\x02")...)), wantErr: graph.ErrInput},
	{name: "huge", op: "ImageDecoder", consts: []int{0}, in: ts(list([]uint8("P6 99999 99999 255\n")...)), wantErr: graph.ErrLimit},
	{name: "ON11 format", op: "ImageDecoder", attrs: attrs("pixel_format", graph.Str("CMYK")), consts: []int{0}, in: ts(list([]uint8("P6 1 1 255\n\x01\x02\x03")...)), wantErr: graph.ErrModel},

	{name: "columns first", op: "SpaceToDepth", attrs: attrs("blocksize", graph.Int(2), "mode", graph.Str("CRD")), in: ts(f32([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 1, 2, 2, 2)), want: ts(f32([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 1, 8, 1, 1))},
}
