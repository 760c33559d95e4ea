package ops

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
)

// The linear models of ai.onnx.ml: scores = X·coefficientsᵀ + intercepts, in float32.
var (
	opLinearClassifier = &Op{Name: "linear_classifier", Domain: graph.DomainML, Type: "LinearClassifier", Since: 1, Infer: inferLinearClassifier, Build: buildLinearClassifier, Rows: rowsFeature}
	opLinearRegressor  = &Op{Name: "linear_regressor", Domain: graph.DomainML, Type: "LinearRegressor", Since: 1, Infer: inferLinearRegressor, Build: buildLinearRegressor, Rows: rowsFeature}
)

// linearModel is the attributes of either: coefficients are [outputs, features].
type linearModel struct {
	coefficients, intercepts []float32
	outputs, features        int
	post                     postTransform
}

// linearOf reads a model with this number of outputs; 0: as many as it has intercepts.
func linearOf(n *graph.Node, in []graph.Arg, outputs int64) (m linearModel, rows int, err error) {
	if err = arity(n, in, 1, 1); err != nil {
		return m, 0, err
	}
	if err = wantDType(n, in, 0, mlNumbers...); err != nil {
		return m, 0, err
	}
	if rows, m.features, err = matrixOf(n, in[0].Shape); err != nil {
		return m, 0, err
	}
	if m.coefficients, err = n.FloatsAttr("coefficients"); err != nil {
		return m, 0, err
	}
	if m.intercepts, err = n.FloatsAttr("intercepts"); err != nil {
		return m, 0, err
	}
	if m.post, err = postTransformOf(n); err != nil {
		return m, 0, err
	}
	if m.outputs = int(outputs); outputs == 0 {
		m.outputs = len(m.intercepts)
	}
	if m.outputs == 0 && m.features > 0 {
		m.outputs = len(m.coefficients) / m.features
	}
	if len(m.intercepts) != 0 && len(m.intercepts) != m.outputs {
		return m, 0, modelErr(n, "%d intercepts for %d outputs", len(m.intercepts), m.outputs)
	}
	if outputs < 0 || m.outputs < 1 || m.outputs > len(m.coefficients) || m.outputs*m.features != len(m.coefficients) {
		return m, 0, modelErr(n, "%d coefficients for %d outputs of %d features", len(m.coefficients), m.outputs, m.features)
	}
	return m, rows, nil
}

func inferLinearRegressor(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	m, rows, err := regressorOf(n, in)
	return []graph.Arg{{DType: tensor.Float32, Shape: []int{rows, m.outputs}}}, err
}

func regressorOf(n *graph.Node, in []graph.Arg) (m linearModel, rows int, err error) {
	targets, err := n.IntAttr("targets", 1)
	if err != nil {
		return m, 0, err
	}
	if targets < 1 || targets > maxTargets {
		return m, 0, modelErr(n, "%d targets, expected 1 to %d", targets, maxTargets)
	}
	return linearOf(n, in, targets)
}

func buildLinearRegressor(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
	m, _, err := regressorOf(n, in)
	if err != nil {
		return nil, err
	}
	return newLinear(m, classLabels{}, pool), nil
}

func inferLinearClassifier(n *graph.Node, in []graph.Arg) ([]graph.Arg, error) {
	m, labels, rows, err := classifierOf(n, in)
	if err != nil {
		return nil, err
	}
	width := m.outputs
	if width == 1 && labels.len() == 2 {
		width = 2
	}
	return []graph.Arg{{DType: labels.dtype(), Shape: []int{rows}}, {DType: tensor.Float32, Shape: []int{rows, width}}}, nil
}

func classifierOf(n *graph.Node, in []graph.Arg) (m linearModel, l classLabels, rows int, err error) {
	if m, rows, err = linearOf(n, in, 0); err != nil {
		return m, l, 0, err
	}
	if l, err = labelsOf(n, "classlabels_ints", "classlabels_strings"); err != nil {
		return m, l, 0, err
	}
	if m.outputs > 1 && l.len() < m.outputs {
		return m, l, 0, modelErr(n, "%d labels for %d scores", l.len(), m.outputs)
	}
	return m, l, rows, nil
}

func buildLinearClassifier(n *graph.Node, in []graph.Arg, pool *kernels.Pool) (graph.Kernel, error) {
	m, labels, _, err := classifierOf(n, in)
	if err != nil {
		return nil, err
	}
	return newLinear(m, labels, pool), nil
}

func newLinear(m linearModel, labels classLabels, pool *kernels.Pool) *linearKernel {
	packed := kernels.PackF32(m.features, m.outputs, m.coefficients, 1, m.features)
	k := &linearKernel{linearModel: m, labels: labels, pool: pool, packed: packed}
	if len(m.intercepts) == 0 {
		k.intercepts = nil
	}
	return k
}

type linearKernel struct {
	linearModel
	packed *kernels.PackedF32
	labels classLabels // empty: a regressor
	pool   *kernels.Pool
}

// ScratchBytes implements graph.ScratchKernel.
func (k *linearKernel) ScratchBytes(args []graph.Arg) int { return featuresBytes(args[0]) }

// Run implements graph.Kernel.
func (k *linearKernel) Run(in, out []*tensor.Tensor, scratch []byte) error {
	x, _ := featuresF32(in[0], scratch)
	scores := out[len(out)-1]
	rows, width := scores.Shape[0], scores.Shape[1]
	z := tensor.Data[float32](scores)
	kernels.GemmF32(k.pool, rows, x, k.features, k.packed, z, width, k.intercepts, nil)
	for r := range rows {
		row := z[r*width : (r+1)*width]
		if k.labels.len() > 0 {
			k.choose(out[0], r, row[:k.outputs])
		}
		if width > k.outputs {
			k.post.second(row)
		} else {
			k.post.final(row)
		}
	}
	return nil
}

// choose writes the label of a row: that of the largest score, or of the sign of a single one.
func (k *linearKernel) choose(y *tensor.Tensor, r int, scores []float32) {
	if len(scores) > 1 {
		k.labels.write(y, r, argmax(scores))
		return
	}
	two, class := k.labels.orTwo(), 0
	if scores[0] > 0 {
		class = 1
	}
	two.write(y, r, class)
}
