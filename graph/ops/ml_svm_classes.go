package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// svmClasses is the attributes of an SVMClassifier beside those of svmModel.
type svmClasses struct {
	labels       classLabels
	perClass     []int // support vectors of each class, one after the other; nil: a linear model
	probA, probB []float32
}

// maxSVMClasses keeps pairs of classes countable.
const maxSVMClasses = 1 << 16

func svmClassesOf(n *graph.Node, in []graph.Arg) (m svmModel, c svmClasses, rows int, err error) {
	if c.labels, err = labelsOf(n, "classlabels_ints", "classlabels_strings"); err != nil {
		return m, c, 0, err
	}
	classes := c.labels.len()
	if classes < 2 || classes > maxSVMClasses {
		return m, c, 0, modelErr(n, "%d classes, expected 2 to %d", classes, maxSVMClasses)
	}
	perClass, err := n.IntsAttr("vectors_per_class")
	if err != nil {
		return m, c, 0, err
	}
	vectors, err := n.FloatsAttr("support_vectors")
	if err != nil {
		return m, c, 0, err
	}
	count := 0
	for _, v := range perClass {
		if v < 0 || v > int64(len(vectors)-count) {
			return m, c, 0, modelErr(n, "%v vectors per class in %d elements", perClass, len(vectors))
		}
		count += int(v)
		c.perClass = append(c.perClass, int(v))
	}
	if m, rows, err = svmOf(n, in, count, classes); err != nil {
		return m, c, 0, err
	}
	if c.probA, err = n.FloatsAttr("prob_a"); err != nil {
		return m, c, 0, err
	}
	if c.probB, err = n.FloatsAttr("prob_b"); err != nil {
		return m, c, 0, err
	}
	if count == 0 {
		c.perClass, c.probA, c.probB = nil, nil, nil
		return m, c, rows, nil
	}
	pairs := classes * (classes - 1) / 2
	if len(c.perClass) != classes || len(m.coefficients) < (classes-1)*count || len(m.rho) < pairs {
		return m, c, 0, modelErr(n, "%d counts of vectors, %d coefficients and %d offsets for %d classes and %d vectors",
			len(c.perClass), len(m.coefficients), len(m.rho), classes, count)
	}
	if len(c.probA) != len(c.probB) || len(c.probA) != 0 && len(c.probA) < pairs {
		return m, c, 0, modelErr(n, "%d and %d parameters of probabilities for %d pairs of classes", len(c.probA), len(c.probB), pairs)
	}
	return m, c, rows, nil
}

// width is the number of scores per row: one per class, or per pair of three and more classes without probabilities.
func (c *svmClasses) width() int {
	if classes := c.labels.len(); classes > 2 && c.perClass != nil && len(c.probA) == 0 {
		return classes * (classes - 1) / 2
	}
	return c.labels.len()
}

func inferSVMClassifier(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	_, c, rows, err := svmClassesOf(n, in)
	if err != nil {
		return nil, err
	}
	return []graph.Arg{{DType: c.labels.dtype(), Shape: []int{rows}}, {DType: tensor.Float32, Shape: []int{rows, c.width()}}}, nil
}

func buildSVMClassifier(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
	m, c, _, err := svmClassesOf(n, in)
	if err != nil {
		return nil, err
	}
	k := &svmClassifier{svmDots: newDots(m, pool), svmClasses: c, positive: true}
	for _, v := range m.coefficients {
		k.positive = k.positive && v >= 0
	}
	return k, nil
}

type svmClassifier struct {
	svmDots
	svmClasses
	positive bool // no coefficient is negative
}

// work is the scratch memory of one row, beside the kernel's.
type svmWork struct {
	scores  []float32 // by pair of classes
	votes   []int32   // by class
	r, q, p []float32 // of couple
}

func (k *svmClassifier) workFloats() int {
	classes := k.labels.len()
	floats := classes*(classes-1)/2 + classes
	if len(k.probA) > 0 {
		floats += 2*classes*classes + classes
	}
	return floats
}

func (k *svmClassifier) workOf(scratch []byte) svmWork {
	classes := k.labels.len()
	votes := words[int32](scratch[:4*classes])
	f := floats(scratch[4*classes:])
	pairs := classes * (classes - 1) / 2
	w := svmWork{scores: f[:pairs], votes: votes}
	if len(k.probA) > 0 {
		f = f[pairs:]
		w.r, w.q, w.p = f[:classes*classes], f[classes*classes:2*classes*classes], f[2*classes*classes:][:classes]
	}
	return w
}

// ScratchBytes implements graph.ScratchKernel.
func (k *svmClassifier) ScratchBytes(args []graph.Arg) int {
	return featuresBytes(args[0]) + 4*(k.floatsOf()+k.workFloats())
}

// Run implements graph.Kernel.
func (k *svmClassifier) Run(in, out []*tensor.Tensor, scratch []byte) error {
	x, scratch := featuresF32(in[0], scratch)
	f := floats(scratch)
	dots, one := f[:svmRows*k.count], f[svmRows*k.count:][:k.count]
	w := k.workOf(scratch[4*k.floatsOf():])
	z, width := tensor.Data[float32](out[1]), out[1].Shape[1]
	rows := out[1].Shape[0]
	for at := 0; at < rows; at += svmRows {
		block := min(svmRows, rows-at)
		k.run(dots[:block*k.count], x[at*k.cols:(at+block)*k.cols], one, block)
		for r := range block {
			to := z[(at+r)*width : (at+r+1)*width]
			if k.perClass == nil {
				k.linear(out[0], at+r, to, dots[r*k.count:(r+1)*k.count])
			} else {
				k.vote(out[0], at+r, to, dots[r*k.count:(r+1)*k.count], &w)
			}
		}
	}
	return nil
}

// linear scores a row by one hyperplane per class.
func (k *svmClassifier) linear(y *tensor.Tensor, r int, to, dots []float32) {
	for i, v := range dots {
		to[i] = v + k.rho[0]
	}
	class := argmax(to)
	if top := to[class]; len(to) == 2 && (k.positive && top >= 0.5 || !k.positive && top > 0) {
		class = 1
	}
	k.labels.write(y, r, class)
	k.post.apply(to)
}

// vote scores a row by one machine per pair of classes; the class that wins most of them is the label.
func (k *svmClassifier) vote(y *tensor.Tensor, r int, to, dots []float32, w *svmWork) {
	clear(w.votes)
	classes, pair := len(w.votes), 0
	startI := 0
	for i := range classes - 1 {
		startJ := startI + k.perClass[i]
		for j := i + 1; j < classes; j++ {
			sum := 0.0
			for m := range k.perClass[i] {
				sum += float64(k.coefficients[(j-1)*k.count+startI+m] * dots[startI+m])
			}
			for m := range k.perClass[j] {
				sum += float64(k.coefficients[i*k.count+startJ+m] * dots[startJ+m])
			}
			sum += float64(k.rho[pair])
			w.scores[pair] = float32(sum)
			if sum > 0 {
				w.votes[i]++
			} else {
				w.votes[j]++
			}
			pair++
			startJ += k.perClass[j]
		}
		startI += k.perClass[i]
	}
	k.labels.write(y, r, argmax(w.votes))
	switch {
	case len(k.probA) > 0:
		k.probabilities(to, w)
		k.post.apply(to)
	case classes > 2:
		copy(to, w.scores)
		k.post.apply(to)
	case k.post == postNone:
		to[0], to[1] = -w.scores[0], w.scores[0]
	default:
		to[0] = w.scores[0]
		k.post.second(to)
	}
}

// leastProbability keeps the probabilities of pairs away from 0 and 1.
const leastProbability = 1e-7

// probabilities makes the probabilities of the classes from those of the pairs, each a sigmoid of the pair's score.
func (k *svmClassifier) probabilities(to []float32, w *svmWork) {
	pair := 0
	for i := range to {
		for j := i + 1; j < len(to); j++ {
			v := [1]float32{-(float32(w.scores[pair]*k.probA[pair]) + k.probB[pair])}
			kernels.SigmoidF32(v[:], v[:])
			p := min(max(v[0], leastProbability), 1-leastProbability)
			w.r[i*len(to)+j], w.r[j*len(to)+i] = p, 1-p
			pair++
		}
	}
	couple(to, w.r, w.q, w.p)
}

// couple solves for the p that minimise Σ (r[j][i]·p[i] − r[i][j]·p[j])² with sum 1, by the iteration of Wu, Lin and Weng
// ("Probability estimates for multi-class classification by pairwise coupling", 2004), at most 100 rounds. The order of its operations
// is that of ONNX Runtime, whose stopping point it shares. q and qp are scratch.
func couple(p, r, q, qp []float32) {
	n := len(p)
	for i := range n {
		p[i] = 1 / float32(n)
		q[i*n+i] = 0
		for j := range n {
			if j == i {
				continue
			}
			q[i*n+i] += float32(r[j*n+i] * r[j*n+i])
			if j < i {
				q[i*n+j] = q[j*n+i]
			} else {
				q[i*n+j] = -r[j*n+i] * r[i*n+j]
			}
		}
	}
	enough := 0.005 / float32(n)
	for range 100 {
		total := float32(0)
		for i := range n {
			qp[i] = 0
			for j := range n {
				qp[i] += float32(q[i*n+j] * p[j])
			}
			total += float32(p[i] * qp[i])
		}
		worst := float32(0)
		for _, v := range qp {
			worst = max(worst, v-total, total-v)
		}
		if worst < enough {
			return
		}
		for i := range n {
			d := (total - qp[i]) / q[i*n+i]
			p[i] += d
			total = (total + float32(d*(float32(d*q[i*n+i])+float32(2*qp[i])))) / (1 + d) / (1 + d)
			for j := range n {
				qp[j] = (qp[j] + float32(d*q[i*n+j])) / (1 + d)
				p[j] /= 1 + d
			}
		}
	}
}
