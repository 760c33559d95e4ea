package ops

import (
	"math"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// aggregate is how the weights of a target are combined, numbered as TreeEnsemble's attribute.
type aggregate uint8

const (
	combineAverage aggregate = iota
	combineSum
	combineMin
	combineMax
)

var aggregates = map[string]aggregate{"AVERAGE": combineAverage, "SUM": combineSum, "MIN": combineMin, "MAX": combineMax}

func aggregateOf(n *graph.Node) (aggregate, error) {
	name, err := n.StringAttr("aggregate_function", "SUM")
	if err != nil {
		return 0, err
	}
	a, ok := aggregates[name]
	if !ok {
		return 0, modelErr(n, "attribute \"aggregate_function\" is %q", name)
	}
	return a, nil
}

// aggregated is a target's score with one more weight; seen says that it has some already.
func aggregated[T floating](a aggregate, score, weight T, seen bool) T {
	switch {
	case a == combineSum || a == combineAverage:
		return score + weight
	case !seen || a == combineMin && weight < score || a == combineMax && weight > score:
		return weight
	}
	return score
}

// binaryCase is that of a classifier of two classes whose weights all belong to one: it gives the score of the positive class.
type binaryCase uint8

const (
	notBinary      binaryCase = iota
	binaryPositive            // no weight is negative: the score is a probability
	binarySigned
)

// finish adds the base values to the scores of row r and writes them, and the label of a classifier.
func (e *trees[T]) finish(out []*tensor.Tensor, r int, sum []T, seen []bool) {
	if e.combine == combineAverage && len(e.roots) > 0 {
		for i := range sum {
			sum[i] /= T(len(e.roots))
		}
	}
	if e.binary != notBinary {
		e.finishBinary(out, r, sum)
		return
	}
	for i, v := range e.base {
		sum[i], seen[i] = sum[i]+v, true
	}
	if e.labels.len() > 0 {
		best := 0
		for i, v := range sum {
			if seen[i] && (!seen[best] || v > sum[best]) {
				best = i
			}
		}
		e.labels.write(out[0], r, best)
	}
	writeScores(out[len(out)-1], r, sum, e.post)
}

// finishBinary finds the sum at the one class that has weights: with the weights at class 0 it is moved to class 1, and class 0 gets what
// is missing to 1, or the negative score; of the transforms LOGISTIC alone counts then. With the weights at class 1, class 0 keeps 0.
func (e *trees[T]) finishBinary(out []*tensor.Tensor, r int, sum []T) {
	if len(e.base) == 1 {
		sum[e.scored] += e.base[0]
	}
	score, class := sum[e.scored], 0
	if score > 0.5 || score > 0 && e.binary == binarySigned {
		class = 1
	}
	e.labels.write(out[0], r, class)
	z := out[1]
	switch {
	case e.scored == 1:
		writeScores(z, r, sum, e.post)
	case e.binary == binaryPositive && e.post != postLogistic:
		sum[0], sum[1] = 1-score, score
		writeScores(z, r, sum, postNone)
	default:
		post := postNone
		if e.post == postLogistic {
			post = postLogistic
		}
		sum[0], sum[1] = -score, score
		writeScores(z, r, sum, post)
	}
}

// writeScores transforms the scores of row r and writes them as z's dtype.
func writeScores[T floating](z *tensor.Tensor, r int, s []T, post postTransform) {
	n := len(s)
	if post != postNone {
		switch s := any(s).(type) {
		case []float32:
			post.final(s)
		case []float64:
			post.finalF64(s)
		}
	}
	switch z.DType {
	case tensor.Float64:
		for i, v := range s {
			tensor.Data[float64](z)[r*n+i] = float64(v)
		}
	case tensor.Float16:
		for i, v := range s {
			tensor.Data[tensor.F16](z)[r*n+i] = tensor.ToF16(float32(v))
		}
	default:
		for i, v := range s {
			tensor.Data[float32](z)[r*n+i] = float32(v)
		}
	}
}

// finalF64 is final for float64 scores; what is not linear in them is computed from float32 differences, since ONNX's scores are float32
// in all but TreeEnsemble.
func (p postTransform) finalF64(s []float64) {
	if len(s) < 2 && p != postProbit {
		return
	}
	if p == postSoftmax || p == postSoftmaxZero {
		softmaxF64(s, p == postSoftmaxZero)
		return
	}
	for i, v := range s {
		one := [1]float32{float32(v)}
		p.apply(one[:])
		s[i] = float64(one[0])
	}
}

// softmaxF64 is a softmax, or softmaxZero, of the exact differences from the largest score.
func softmaxF64(s []float64, zero bool) {
	top, sum := math.Inf(-1), 0.0
	for _, v := range s {
		top = max(top, v)
	}
	for i, v := range s {
		kept := zero && v <= zeroScore && v >= -zeroScore
		shift := v - top
		if kept {
			shift = -top
		}
		e := [1]float32{float32(shift)}
		kernels.ExpF32(e[:], e[:])
		s[i] = float64(e[0])
		if kept {
			s[i] *= v
		} else {
			sum += s[i]
		}
	}
	for i := range s {
		s[i] /= sum
	}
}
