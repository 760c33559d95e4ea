package ops

import (
	"math"
	"unsafe"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// opNMS keeps, of every batch and class, the boxes with the highest scores that overlap no kept one too much; boxes have shape
// [batch × boxes × 4], scores [batch × classes × boxes]. How many are kept follows from the values, so that Infer selects them too.
var opNMS = &Op{
	Name: "non_max_suppression", Type: "NonMaxSuppression", Since: 10, MinInputs: 2,
	Infer: func(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
		if err := arity(n, in, 2, 5); err != nil {
			return nil, err
		}
		for i, d := range []tensor.DType{tensor.Float32, tensor.Float32, tensor.Int64, tensor.Float32, tensor.Float32} {
			if !present(in, i) {
				continue
			}
			if err := wantDType(n, in, i, d); err != nil {
				return nil, err
			}
			if count, ok := tensor.Elements(in[i].Shape); i > 1 && (!ok || count > 1) {
				return nil, modelErr(n, "input %d has shape %v, expected a scalar", i, in[i].Shape)
			}
		}
		boxes, scores := in[0].Shape, in[1].Shape
		if len(boxes) != 3 || boxes[2] != 4 || len(scores) != 3 || scores[0] != boxes[0] || scores[2] != boxes[1] || boxes[1] > math.MaxInt32 {
			return nil, modelErr(n, "boxes %v and scores %v", boxes, scores)
		}
		center, err := n.IntAttr("center_point_box", 0)
		if err != nil {
			return nil, err
		}
		values := make([]*tensor.Tensor, len(in))
		for i := range in {
			if !present(in, i) {
				continue
			}
			if values[i] = in[i].Const; values[i] == nil {
				return nil, needsValue(n, i)
			}
		}
		count := 0
		suppress(values, center != 0, make([]uint64, boxes[1]), make([]nmsBox, boxes[1]), func(_, _, _ int) { count++ })
		return []graph.Arg{{DType: tensor.Int64, Shape: []int{count, 3}}}, nil
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		center, err := n.IntAttr("center_point_box", 0)
		return nmsKernel{center != 0}, err
	},
}

type nmsKernel struct{ center bool }

// nmsBox is a kept box: its ends along both axes and its area.
type nmsBox struct {
	low, high [2]float32
	area      float32
}

// ScratchBytes implements graph.ScratchKernel: keys of boxes, and the kept ones.
func (k nmsKernel) ScratchBytes(args []graph.Arg) int {
	return multiplied(8+int(unsafe.Sizeof(nmsBox{})), args[0].Shape[1])
}

// Run implements graph.Kernel.
func (k nmsKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	rows, count := tensor.Data[int64](out[0]), in[0].Shape[1]
	if len(rows) == 0 {
		return nil
	}
	keys, kept := words[uint64](scratch[:8*count]), unsafe.Slice((*nmsBox)(unsafe.Pointer(&scratch[8*count])), count)
	suppress(in, k.center, keys, kept, func(batch, class, box int) {
		rows[0], rows[1], rows[2] = int64(batch), int64(class), int64(box)
		rows = rows[3:]
	})
	return nil
}

// suppress calls keep for the boxes that stay, by batch, class and falling score; of equal scores the first box comes first. keys and
// kept are memory for all boxes.
func suppress(in []*tensor.Tensor, center bool, keys []uint64, kept []nmsBox, keep func(batch, class, box int)) {
	number := func(i int) float32 {
		if i < len(in) && in[i] != nil && in[i].Len() > 0 {
			return tensor.Data[float32](in[i])[0]
		}
		return 0
	}
	most := int64(0)
	if len(in) > 2 && in[2] != nil && in[2].Len() > 0 {
		most = tensor.Data[int64](in[2])[0]
	}
	overlap, least, all := number(3), number(4), len(in) < 5 || in[4] == nil
	boxes, scores := tensor.Data[float32](in[0]), tensor.Data[float32](in[1])
	count, classes := in[0].Shape[1], in[1].Shape[1]
	if most <= 0 || count == 0 {
		return
	}
	for t := range in[0].Shape[0] * classes {
		corners := boxes[t/classes*count*4:]
		left := keys[:0]
		for i, s := range scores[t*count : (t+1)*count] {
			if s > least || all {
				left = append(left, nmsKey(s, i))
			}
		}
		for i := len(left)/2 - 1; i >= 0; i-- {
			sink(left, i)
		}
		kept := kept[:0]
	boxes:
		for len(left) > 0 && int64(len(kept)) < most {
			i := int(math.MaxUint32 - uint32(left[0]))
			left[0] = left[len(left)-1]
			left = left[:len(left)-1]
			sink(left, 0)
			b := nmsBoxOf(corners[4*i:4*i+4], center)
			for j := range kept {
				if b.overlaps(&kept[j], overlap) {
					continue boxes
				}
			}
			kept = append(kept, b)
			keep(t/classes, t%classes, i)
		}
	}
}

// nmsKey orders boxes by score, then the first ones before; what is no number comes last.
func nmsKey(score float32, box int) uint64 {
	key := uint32(0)
	if score == score {
		if key = math.Float32bits(score + 0); key>>31 != 0 { // + 0 makes zeros alike
			key = ^key
		} else {
			key |= 1 << 31
		}
	}
	return uint64(key)<<32 | uint64(math.MaxUint32-uint32(box))
}

// sink moves element i of a heap, the largest first, to its place.
func sink(heap []uint64, i int) {
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && heap[child+1] > heap[child] {
			child++
		}
		if heap[i] >= heap[child] {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}

// nmsBoxOf reads two opposite corners, y before x, or the middle, width and height.
func nmsBoxOf(v []float32, center bool) (b nmsBox) {
	for i := range 2 {
		b.low[i], b.high[i] = min(v[i], v[i+2]), max(v[i], v[i+2])
		if center {
			half := float32(v[i+2] / 2)
			b.low[i], b.high[i] = v[i]-half, v[i]+half
		}
	}
	b.area = (b.high[0] - b.low[0]) * (b.high[1] - b.low[1])
	return b
}

// overlaps reports whether the intersection of two boxes is more than this part of their union.
func (b *nmsBox) overlaps(a *nmsBox, part float32) bool {
	height := min(a.high[0], b.high[0]) - max(a.low[0], b.low[0])
	if !(height > 0) {
		return false
	}
	width := min(a.high[1], b.high[1]) - max(a.low[1], b.low[1])
	if !(width > 0) {
		return false
	}
	both := float32(height * width)
	union := a.area + b.area - both
	return a.area > 0 && b.area > 0 && union > 0 && both/union > part
}
