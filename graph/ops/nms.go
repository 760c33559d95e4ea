package ops

import (
	"math"
	"slices"

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
		suppress(values, center != 0, make([]int32, 2*boxes[1]), func(_, _ int, _ int32) { count++ })
		return []graph.Arg{{DType: tensor.Int64, Shape: []int{count, 3}}}, nil
	},
	Build: func(n *graph.Node, _ []graph.Arg, _ *kernels.Pool) (graph.Kernel, error) {
		center, err := n.IntAttr("center_point_box", 0)
		return nmsKernel{center != 0}, err
	},
}

type nmsKernel struct{ center bool }

// ScratchBytes implements graph.ScratchKernel: the boxes by score, and the kept ones.
func (k nmsKernel) ScratchBytes(args []graph.Arg) int { return multiplied(8, args[0].Shape[1]) }

// Run implements graph.Kernel.
func (k nmsKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	rows := tensor.Data[int64](out[0])
	var order []int32
	if len(scratch) > 0 {
		order = int32s(scratch)
	}
	suppress(in, k.center, order, func(batch, class int, box int32) {
		rows[0], rows[1], rows[2] = int64(batch), int64(class), int64(box)
		rows = rows[3:]
	})
	return nil
}

// suppress calls keep for the boxes that stay, by batch, class and falling score; of equal scores the first box comes first. order is
// memory for two numbers per box.
func suppress(in []*tensor.Tensor, center bool, order []int32, keep func(batch, class int, box int32)) {
	number := func(i int, def float32) float32 {
		if i < len(in) && in[i] != nil && in[i].Len() > 0 {
			return tensor.Data[float32](in[i])[0]
		}
		return def
	}
	most := int64(0)
	if len(in) > 2 && in[2] != nil && in[2].Len() > 0 {
		most = tensor.Data[int64](in[2])[0]
	}
	overlap, least := number(3, 0), number(4, float32(math.Inf(-1)))
	all := len(in) < 5 || in[4] == nil
	boxes, scores := tensor.Data[float32](in[0]), tensor.Data[float32](in[1])
	count, classes := in[0].Shape[1], in[1].Shape[1]
	if most <= 0 || count == 0 {
		return
	}
	for t := range in[0].Shape[0] * classes {
		score, corner := scores[t*count:(t+1)*count], boxes[t/classes*count*4:]
		left, kept := order[:0:count], order[count:count]
		for i, s := range score {
			if s > least || all {
				left = append(left, int32(i))
			}
		}
		slices.SortFunc(left, func(a, b int32) int {
			switch x, y := score[a], score[b]; {
			case x > y || x == x && y != y: // what is no number comes last
				return -1
			case x < y || x != x && y == y:
				return 1
			}
			return int(a - b)
		})
		for _, i := range left {
			if int64(len(kept)) >= most {
				break
			}
			if !slices.ContainsFunc(kept, func(j int32) bool { return overlaps(corner[4*i:], corner[4*j:], center, overlap) }) {
				kept = append(kept, i)
				keep(t/classes, t%classes, i)
			}
		}
	}
}

// overlaps reports whether the intersection of two boxes is more than this part of their union. A box has two opposite corners, y before
// x, or its middle, width and height.
func overlaps(a, b []float32, center bool, part float32) bool {
	var size [2]float32 // of the intersection
	var sizeA, sizeB [2]float32
	for i := range 2 {
		lowA, highA, lowB, highB := min(a[i], a[i+2]), max(a[i], a[i+2]), min(b[i], b[i+2]), max(b[i], b[i+2])
		if center {
			halfA, halfB := float32(a[i+2]/2), float32(b[i+2]/2)
			lowA, highA, lowB, highB = a[i]-halfA, a[i]+halfA, b[i]-halfB, b[i]+halfB
		}
		size[i], sizeA[i], sizeB[i] = min(highA, highB)-max(lowA, lowB), highA-lowA, highB-lowB
		if !(size[i] > 0) {
			return false
		}
	}
	both, areaA, areaB := float32(size[0]*size[1]), float32(sizeA[0]*sizeA[1]), float32(sizeB[0]*sizeB[1])
	union := areaA + areaB - both
	return areaA > 0 && areaB > 0 && union > 0 && both/union > part
}
