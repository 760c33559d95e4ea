package ops

import (
	"math"
	"sync"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opRoiAlign pools regions [x1, y1, x2, y2] of images [batch × channels × height × width] by bilinear samples in every bin (He et al.,
// "Mask R-CNN", 2017). Before opset 16 the regions are not shifted by half a pixel.
var opRoiAlign = viaFloat32(&Op{
	Name: "roi_align", Type: "RoiAlign", Since: 10, MinInputs: 3,
	Rows: func(_ *graph.Node, _ []graph.Arg, rows []bool) bool { return !rows[0] && rows[1] && rows[2] },
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 3, 3); err != nil {
			return nil, err
		}
		c, err := roiAlignOf(n)
		if err != nil {
			return nil, err
		}
		if err := wantDType(n, in, 2, tensor.Int64); err != nil {
			return nil, err
		}
		if batch := in[2].Shape; len(batch) != 1 || len(in[1].Shape) != 2 || batch[0] != in[1].Shape[0] {
			return nil, modelErr(n, "images %v for regions %v", batch, in[1].Shape)
		}
		return roiOutput(n, in, 4, c.height, c.width)
	},
	Build: func(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
		c, err := roiAlignOf(n)
		if err != nil {
			return nil, err
		}
		if in[0].DType == tensor.Float64 {
			return newRoiAlign(c, &weightedF64, pool), nil
		}
		return newRoiAlign(c, &weightedF32, pool), nil
	},
})

// roiOutput checks images and regions of this many columns.
func roiOutput(n *graph.Node, in []graph.Arg, columns, height, width int) ([]graph.Arg, error) {
	if err := wantDType(n, in, 0, tensor.Float32, tensor.Float64); err != nil {
		return nil, err
	}
	if err := wantDType(n, in, 1, in[0].DType); err != nil {
		return nil, err
	}
	x, rois := in[0].Shape, in[1].Shape
	if len(x) != 4 || x[2] == 0 || x[3] == 0 || len(rois) != 2 || rois[1] != columns {
		return nil, modelErr(n, "images %v and regions %v, expected 4 axes and %d columns", x, rois, columns)
	}
	shape := []int{rois[0], x[1], height, width}
	if _, ok := tensor.Elements(shape); !ok {
		return nil, modelErr(n, "a result of shape %v", shape)
	}
	return []graph.Arg{{DType: in[0].DType, Shape: shape}}, nil
}

type roiAlignConfig struct {
	node          string
	height, width int
	samples       int // per bin and axis; 0: one for every pixel
	scale         float32
	half, max     bool
}

func roiAlignOf(n *graph.Node) (c roiAlignConfig, err error) {
	c.node = n.String()
	for _, a := range []struct {
		name       string
		to         *int
		def, least int64
	}{{"output_height", &c.height, 1, 1}, {"output_width", &c.width, 1, 1}, {"sampling_ratio", &c.samples, 0, 0}} {
		v, err := n.IntAttr(a.name, a.def)
		if err != nil {
			return c, err
		}
		if v < a.least || v > maxRoiSamples {
			return c, modelErr(n, "attribute %q is %d, expected %d to %d", a.name, v, a.least, maxRoiSamples)
		}
		*a.to = int(v)
	}
	if c.scale, err = n.FloatAttr("spatial_scale", 1); err != nil {
		return c, err
	}
	mode, err := n.StringAttr("mode", "avg")
	if err != nil {
		return c, err
	}
	if c.max = mode == "max"; !c.max && mode != "avg" {
		return c, modelErr(n, "attribute \"mode\" is %q, expected avg or max", mode)
	}
	def := "half_pixel"
	if n.Opset > 0 && n.Opset < 16 {
		def = "output_half_pixel"
	}
	transformation, err := n.StringAttr("coordinate_transformation_mode", def)
	if err != nil {
		return c, err
	}
	if c.half = transformation == "half_pixel"; !c.half && transformation != "output_half_pixel" {
		return c, modelErr(n, "attribute \"coordinate_transformation_mode\" is %q", transformation)
	}
	return c, nil
}

// maxRoiSamples bounds the samples of a bin along an axis: a region thousands of times the size of its bins is no region.
const maxRoiSamples = 4096

type roiAlign[T float32 | float64] struct {
	roiAlignConfig
	sum  *weightedSum[T]
	pool *kernels.Pool
	jobs sync.Pool
}

func newRoiAlign[T float32 | float64](c roiAlignConfig, sum *weightedSum[T], pool *kernels.Pool) *roiAlign[T] {
	return &roiAlign[T]{c, sum, pool, sync.Pool{New: func() any { return new(roiAlignJob[T]) }}}
}

// roiAlignJob is one run. A chunk is a region.
type roiAlignJob[T float32 | float64] struct {
	*roiAlign[T]
	x, rois, dst []T
	images       []int64
	shape        []int // of x
}

// region is one region of interest and how its bins are sampled.
type region[T float32 | float64] struct {
	left, top, binH, binW T
	rows, columns         int // samples of a bin
}

// Run implements graph.Kernel.
func (k *roiAlign[T]) Run(in, out []*tensor.Tensor, _ []byte) error {
	j := k.jobs.Get().(*roiAlignJob[T])
	*j = roiAlignJob[T]{k, tensor.Data[T](in[0]), tensor.Data[T](in[1]), tensor.Data[T](out[0]), tensor.Data[int64](in[2]), in[0].Shape}
	var err error
	if len(j.dst) > 0 {
		if err = j.check(); err == nil {
			k.pool.Run(len(j.images), j)
		}
	}
	*j = roiAlignJob[T]{}
	k.jobs.Put(j)
	return err
}

// check refuses regions that are none.
func (j *roiAlignJob[T]) check() error {
	for i, image := range j.images {
		if image < 0 || image >= int64(j.shape[0]) {
			return inputErr(j.node, "region %d is of image %d of %d", i, image, j.shape[0])
		}
		if r := j.region(i); !(r.binH <= maxRoiSamples && r.binW <= maxRoiSamples && r.left-r.left == 0 && r.top-r.top == 0) {
			return inputErr(j.node, "region %d is %v", i, j.rois[4*i:4*i+4])
		}
	}
	return nil
}

func (j *roiAlignJob[T]) region(i int) region[T] {
	shift, least := T(0.5), T(math.Inf(-1))
	if !j.half {
		shift, least = 0, 1
	}
	roi, scale := j.rois[4*i:4*i+4], T(j.scale)
	r := region[T]{left: T(roi[0]*scale) - shift, top: T(roi[1]*scale) - shift, rows: j.samples, columns: j.samples}
	right, bottom := T(roi[2]*scale)-shift, T(roi[3]*scale)-shift
	r.binH, r.binW = max(bottom-r.top, least)/T(j.height), max(right-r.left, least)/T(j.width)
	return r
}

// Chunk pools region i.
func (j *roiAlignJob[T]) Chunk(i int) {
	channels, height, width, bins := j.shape[1], j.shape[2], j.shape[3], j.height*j.width
	r := j.region(i)
	if j.samples == 0 {
		r.rows, r.columns = int(math.Ceil(float64(max(r.binH, 0)))), int(math.Ceil(float64(max(r.binW, 0))))
	}
	from, to := j.x[int(j.images[i])*channels*height*width:], j.dst[i*channels*bins:][:channels*bins]
	clear(to)
	switch samples := r.rows * r.columns; {
	case samples == 0: // of no extent: 0
	case j.max:
		j.maxima(to, from, &r, channels, height, width)
	case 4*samples <= tableTaps:
		j.means(to, from, &r, channels, height, width)
	default:
		j.longMeans(to, from, &r, channels, height, width)
	}
}

// sample gives the four elements around sample i of a bin and their weights; the elements are −1 outside of the image.
func (k *roiAlign[T]) sample(r *region[T], bin, i, height, width int) (at [4]int, w [4]T) {
	y := r.top + T(T(bin/k.width)*r.binH) + T((T(i/r.columns)+0.5)*r.binH)/T(r.rows)
	x := r.left + T(T(bin%k.width)*r.binW) + T((T(i%r.columns)+0.5)*r.binW)/T(r.columns)
	if !(y >= -1 && y <= T(height) && x >= -1 && x <= T(width)) {
		return [4]int{-1, -1, -1, -1}, w
	}
	y0, y1, wy := bilinear(y, height)
	x0, x1, wx := bilinear(x, width)
	return [4]int{y0*width + x0, y0*width + x1, y1*width + x0, y1*width + x1}, [4]T{(1 - wy) * (1 - wx), (1 - wy) * wx, wy * (1 - wx), wy * wx}
}

// means adds the samples of bins in the order of rows, by a table that serves all channels.
func (k *roiAlign[T]) means(dst, x []T, r *region[T], channels, height, width int) {
	bins, samples, table := k.height*k.width, r.rows*r.columns, k.sum.tables.Get().(*tapTable[T])
	block := tableTaps / (4 * samples)
	for first := 0; first < bins; first += block {
		table.start(min(block, bins-first), 4*samples)
		for b := range table.points {
			for i := range samples {
				at, w := k.sample(r, first+b, i, height, width)
				for j, o := range at {
					table.set(b, 4*i+j, o, w[j])
				}
			}
		}
		for c := range channels {
			to := dst[c*bins+first:][:table.points]
			table.sample(to, x[c*height*width:][:height*width], k.sum)
			for i := range to {
				to[i] /= T(samples)
			}
		}
	}
	k.sum.tables.Put(table)
}

// longMeans is means for bins of more samples than a table has room for.
func (k *roiAlign[T]) longMeans(dst, x []T, r *region[T], channels, height, width int) {
	bins, samples := k.height*k.width, r.rows*r.columns
	for bin := range bins {
		for i := range samples {
			at, w := k.sample(r, bin, i, height, width)
			if at[0] < 0 {
				continue
			}
			for c := range channels {
				v, src := &dst[c*bins+bin], x[c*height*width:][:height*width]
				for j, o := range at {
					*v = k.sum.next(w[j], src[o], *v)
				}
			}
		}
		for c := range channels {
			dst[c*bins+bin] /= T(samples)
		}
	}
}

// maxima takes the largest product of a bin; samples outside of the image are 0.
func (k *roiAlign[T]) maxima(dst, x []T, r *region[T], channels, height, width int) {
	bins := k.height * k.width
	for bin := range bins {
		for i := range r.rows * r.columns {
			at, w := k.sample(r, bin, i, height, width)
			for c := range channels {
				v, src, most := &dst[c*bins+bin], x[c*height*width:][:height*width], T(0)
				if at[0] >= 0 {
					most = max(w[0]*src[at[0]], w[1]*src[at[1]], w[2]*src[at[2]], w[3]*src[at[3]])
				}
				if i == 0 {
					*v = most
				}
				*v = max(*v, most)
			}
		}
	}
}

// bilinear gives the two elements of an axis of d around x ≥ −1 and the weight of the second.
func bilinear[T float32 | float64](x T, d int) (i, j int, w T) {
	x = max(x, 0)
	i = int(x)
	if i >= d-1 {
		return d - 1, d - 1, 0
	}
	return i, i + 1, x - T(i)
}

// opMaxRoiPool takes the maximum in every bin of regions [image, x1, y1, x2, y2], whose corners are rounded to pixels (Girshick, "Fast
// R-CNN", 2015). A bin without pixels is 0.
var opMaxRoiPool = viaFloat32(&Op{
	Name: "max_roi_pool", Type: "MaxRoiPool", Since: 1, MinInputs: 2,
	Rows: func(_ *graph.Node, _ []graph.Arg, rows []bool) bool { return !rows[0] && rows[1] },
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 2); err != nil {
			return nil, err
		}
		c, err := maxRoiOf(n)
		if err != nil {
			return nil, err
		}
		return roiOutput(n, in, 5, c.height, c.width)
	},
	Build: func(n *graph.Node, in []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		c, err := maxRoiOf(n)
		if err != nil {
			return nil, err
		}
		if in[0].DType == tensor.Float64 {
			return maxRoiPool[float64]{c}, nil
		}
		return maxRoiPool[float32]{c}, nil
	},
})

type maxRoiConfig struct {
	node          string
	height, width int
	scale         float32
}

func maxRoiOf(n *graph.Node) (c maxRoiConfig, err error) {
	size, err := n.IntsAttr("pooled_shape")
	if err != nil {
		return c, err
	}
	if len(size) != 2 || min(size[0], size[1]) < 1 || max(size[0], size[1]) > maxRoiSamples {
		return c, modelErr(n, "attribute \"pooled_shape\" is %v", size)
	}
	c = maxRoiConfig{node: n.String(), height: int(size[0]), width: int(size[1])}
	c.scale, err = n.FloatAttr("spatial_scale", 1)
	return c, err
}

type maxRoiPool[T float32 | float64] struct{ maxRoiConfig }

// Run implements graph.Kernel.
func (k maxRoiPool[T]) Run(in, out []*tensor.Tensor, _ []byte) error {
	x, rois, dst := tensor.Data[T](in[0]), tensor.Data[T](in[1]), tensor.Data[T](out[0])
	if len(dst) == 0 {
		return nil
	}
	channels, height, width := in[0].Shape[1], in[0].Shape[2], in[0].Shape[3]
	for r := range in[1].Shape[0] {
		roi := rois[5*r : 5*r+5]
		if !(roi[0] >= 0 && roi[0] < T(in[0].Shape[0])) {
			return inputErr(k.node, "region %d is of image %v of %d", r, roi[0], in[0].Shape[0])
		}
		var corner [4]int
		for i, v := range roi[1:] {
			v *= T(k.scale)
			if !(v >= -math.MaxInt32 && v <= math.MaxInt32) {
				return inputErr(k.node, "region %d is %v", r, roi)
			}
			corner[i] = int(math.Round(float64(v)))
		}
		binH, binW := T(max(corner[3]-corner[1]+1, 1))/T(k.height), T(max(corner[2]-corner[0]+1, 1))/T(k.width)
		for c := range channels {
			src := x[(int(roi[0])*channels+c)*height*width:][:height*width]
			for i := range k.height {
				y0, y1 := roiBin(i, binH, corner[1], height)
				for j := range k.width {
					x0, x1 := roiBin(j, binW, corner[0], width)
					most := T(0)
					if y0 < y1 && x0 < x1 {
						most = src[y0*width+x0]
					}
					for y := y0; y < y1; y++ {
						for _, v := range src[y*width+min(x0, x1) : y*width+x1] {
							most = max(most, v)
						}
					}
					dst[((r*channels+c)*k.height+i)*k.width+j] = most
				}
			}
		}
	}
	return nil
}

// roiBin is the range of pixels of an axis of d that bin i of this size has in a region from start on.
func roiBin[T float32 | float64](i int, size T, start, d int) (from, to int) {
	from = int(math.Floor(float64(T(i)*size))) + start
	to = int(math.Ceil(float64(T(i+1)*size))) + start
	return min(max(from, 0), d), min(max(to, 0), d)
}
