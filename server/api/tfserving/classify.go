package tfserving

import (
	"strconv"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/tfserving/tensorflow"
)

// What a signature can be asked for, in the words of TensorFlow.
const (
	predictMethod  = "tensorflow/serving/predict"
	classifyMethod = "tensorflow/serving/classify"
	regressMethod  = "tensorflow/serving/regress"
)

// methodOf is what a model's answer means: classes where its task says so, where an output has labels, or where its
// outputs are named as those of classifiers are; a number where its task says so or where a row has just one number.
func methodOf(sig *graph.Signature) string {
	if sig.Task == graph.Classification || sig.Task == "" && scoresOf(sig) >= 0 {
		return classifyMethod
	}
	if len(sig.Outputs) > 0 {
		out := sig.Outputs[sig.Answer()]
		if sig.Task == graph.Regression || isFloat(out.DType) && (len(out.Shape) == 1 || len(out.Shape) == 2 && out.Shape[1] == 1) {
			return regressMethod
		}
	}
	return predictMethod
}

// demand refuses what the answer of a model does not mean. Errors wrap graph.ErrInput.
func demand(sig *graph.Signature, method string) error {
	kind := "classification"
	if method == regressMethod {
		kind = "regression"
	}
	if is := methodOf(sig); is != method {
		return server.Fail(graph.ErrInput, "Expected %s signature method_name to be %s. Was: %s", kind, method, is)
	}
	return nil
}

// scoresOf is the output with a score per class: the one that has labels, else the one that is named so; -1 if none is.
func scoresOf(sig *graph.Signature) int {
	for i, out := range sig.Outputs {
		if len(out.Labels) > 0 {
			return i
		}
	}
	for i, out := range sig.Outputs {
		if (out.Name == "scores" || out.Name == "probabilities") && isFloat(out.DType) {
			return i
		}
	}
	return -1
}

// classesOf is the output that names the class of each score, -1 if there is none.
func classesOf(sig *graph.Signature) int {
	for i, out := range sig.Outputs {
		if out.Name == "classes" && out.DType == tensor.String {
			return i
		}
	}
	return -1
}

func isFloat(d tensor.DType) bool {
	switch d {
	case tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16:
		return true
	}
	return false
}

// classify reads the classes of each row, in the model's order. A class without a name is called by its number. A model
// that answers the probability of the second of two classes gives both. Errors wrap graph.ErrInput.
func classify(sig *graph.Signature, outs []*tensor.Tensor, rows int) (*tensorflow.ClassificationResult, error) {
	index := scoresOf(sig)
	if index < 0 {
		index = sig.Answer()
	}
	t, labels := outs[index], sig.Outputs[index].Labels
	score, ok := floats(t)
	switch {
	case !ok:
		return nil, server.Fail(graph.ErrInput, "Expected scores Tensor of DT_FLOAT. Got: %s", dataTypes[t.DType])
	case len(t.Shape) != 2 && len(t.Shape) != 1:
		return nil, server.Fail(graph.ErrInput, "Expected Tensor shape: [batch_size num_classes] but got %v", t.Shape)
	case t.Shape[0] != rows:
		return nil, server.Fail(graph.ErrInput, "Expected scores output batch size of %d. Got: %d", rows, t.Shape[0])
	}
	width := t.Len() / rows
	var names []string
	if c := classesOf(sig); c >= 0 && outs[c].Len() == t.Len() {
		names = outs[c].Strings
	}
	result := &tensorflow.ClassificationResult{}
	for r := range rows {
		row := &tensorflow.Classifications{}
		if width == 1 && len(labels) == 2 {
			p := score(r)
			row.Classes = []*tensorflow.Class{{Label: labels[0], Score: 1 - p}, {Label: labels[1], Score: p}}
		} else {
			for i := range width {
				class := &tensorflow.Class{Score: score(r*width + i)}
				switch {
				case names != nil:
					class.Label = names[r*width+i]
				case len(labels) == width:
					class.Label = labels[i]
				default:
					class.Label = strconv.Itoa(i)
				}
				row.Classes = append(row.Classes, class)
			}
		}
		result.Classifications = append(result.Classifications, row)
	}
	return result, nil
}

// regress reads the number of each row. Errors wrap graph.ErrInput.
func regress(sig *graph.Signature, outs []*tensor.Tensor, rows int) (*tensorflow.RegressionResult, error) {
	t := outs[sig.Answer()]
	value, ok := floats(t)
	switch {
	case !ok:
		return nil, server.Fail(graph.ErrInput, "Expected output Tensor of DT_FLOAT.  Got: %s", dataTypes[t.DType])
	case len(t.Shape) != 1 && !(len(t.Shape) == 2 && t.Shape[1] == 1):
		return nil, server.Fail(graph.ErrInput, "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got %v", t.Shape)
	case t.Shape[0] != rows:
		return nil, server.Fail(graph.ErrInput, "Input batch size did not match output batch size: %d vs. %d", rows, t.Shape[0])
	}
	result := &tensorflow.RegressionResult{}
	for r := range rows {
		result.Regressions = append(result.Regressions, &tensorflow.Regression{Value: value(r)})
	}
	return result, nil
}

// floats reads elements of t as numbers of the messages; ok is false for what is no float.
func floats(t *tensor.Tensor) (at func(int) float32, ok bool) {
	switch t.DType {
	case tensor.Float32:
		data := tensor.Data[float32](t)
		return func(i int) float32 { return data[i] }, true
	case tensor.Float64:
		data := tensor.Data[float64](t)
		return func(i int) float32 { return float32(data[i]) }, true
	case tensor.Float16:
		data := tensor.Data[tensor.F16](t)
		return func(i int) float32 { return data[i].Float32() }, true
	case tensor.BFloat16:
		data := tensor.Data[tensor.BF16](t)
		return func(i int) float32 { return data[i].Float32() }, true
	}
	return nil, false
}
