package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server/api/kserve"
	"github.com/hotpath/hotpath/server/api/tfserving"
)

// protocol is how bench serve asks a server about a model, and for an answer of it.
type protocol struct {
	metadata string // path with %s for the model
	inputs   func(metadata []byte) ([]graph.Input, error)
	path     string // of requests, with %s for the model
	body     func(inputs []graph.Input, values []*tensor.Tensor) (headers []string, body []byte)
}

var protocols = map[string]protocol{
	"predict":       {kserveMetadata, kserveInputs, "/predict?model=%s", rowsBody("input_data")},
	"mlflow":        {kserveMetadata, kserveInputs, "/invocations?model=%s", namedBody},
	"kserve":        {kserveMetadata, kserveInputs, kserveInfer, kserveBody},
	"kserve-binary": {kserveMetadata, kserveInputs, kserveInfer, binaryBody},
	"tfserving":     {"/v1/models/%s/metadata", tensorflowInputs, "/v1/models/%s:predict", namedBody},
}

const (
	kserveMetadata = "/v2/models/%s"
	kserveInfer    = kserveMetadata + "/infer"
)

func kserveInputs(metadata []byte) (inputs []graph.Input, err error) {
	var m struct {
		Inputs []struct {
			Name, Datatype string
			Shape          []int
		}
	}
	if err := json.Unmarshal(metadata, &m); err != nil {
		return nil, err
	}
	for _, in := range m.Inputs {
		d, ok := kserve.DType(in.Datatype)
		if !ok {
			return nil, fmt.Errorf("input %q is of type %q, which is not known", in.Name, in.Datatype)
		}
		inputs = append(inputs, graph.Input{Name: in.Name, DType: d, Shape: in.Shape})
	}
	return inputs, nil
}

// tensorflowInputs reads the metadata of TensorFlow Serving: the inputs of serving_default, or of the one signature there is.
func tensorflowInputs(metadata []byte) (inputs []graph.Input, err error) {
	type signature struct {
		Inputs map[string]struct {
			DType string
			Shape struct {
				Dim []struct{ Size string }
			} `json:"tensor_shape"`
		}
	}
	var m struct {
		Metadata struct {
			Map struct {
				Signatures map[string]signature `json:"signature_def"`
			} `json:"signature_def"`
		}
	}
	if err := json.Unmarshal(metadata, &m); err != nil {
		return nil, err
	}
	signatures := m.Metadata.Map.Signatures
	s, ok := signatures["serving_default"]
	if names := slices.Sorted(maps.Keys(signatures)); !ok {
		return nil, fmt.Errorf("expected the signature serving_default, found %q", names)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Inputs)) {
		in := graph.Input{Name: name}
		if in.DType, ok = tfserving.DType(s.Inputs[name].DType); !ok {
			return nil, fmt.Errorf("input %q is of type %q, which is not known", name, s.Inputs[name].DType)
		}
		for _, d := range s.Inputs[name].Shape.Dim {
			n, err := strconv.Atoi(d.Size)
			if err != nil {
				return nil, fmt.Errorf("input %q has an axis of size %q", name, d.Size)
			}
			in.Shape = append(in.Shape, n)
		}
		inputs = append(inputs, in)
	}
	return inputs, nil
}

var asJSON = []string{"Content-Type: application/json"}

func appendName(b []byte, name string) []byte {
	text, _ := json.Marshal(name) // a string always encodes
	return append(append(b, text...), ':')
}

// rowsBody is {"key": [row, …]}: a row is what an input has, or where there are several an object of them.
func rowsBody(key string) func([]graph.Input, []*tensor.Tensor) ([]string, []byte) {
	return func(inputs []graph.Input, values []*tensor.Tensor) ([]string, []byte) {
		b := append(appendName([]byte("{"), key), '[')
		at := make([]int, len(values))
		for row := range values[0].Shape[0] {
			if row > 0 {
				b = append(b, ',')
			}
			if len(inputs) == 1 {
				b = appendArray(b, values[0], 1, &at[0])
				continue
			}
			for i, in := range inputs {
				b = append(b, "{,"[min(i, 1)])
				b = appendArray(appendName(b, in.Name), values[i], 1, &at[i])
			}
			b = append(b, '}')
		}
		return asJSON, append(b, "]}"...)
	}
}

// namedBody is {"inputs": {name: nested lists, …}}.
func namedBody(inputs []graph.Input, values []*tensor.Tensor) ([]string, []byte) {
	b := appendName([]byte("{"), "inputs")
	for i, in := range inputs {
		at := 0
		b = append(b, "{,"[min(i, 1)])
		b = appendArray(appendName(b, in.Name), values[i], 0, &at)
	}
	return asJSON, append(b, "}}"...)
}

// kserveTensor is a tensor in the JSON of the Open Inference Protocol.
type kserveTensor struct {
	Name       string          `json:"name"`
	Shape      []int           `json:"shape"`
	Datatype   string          `json:"datatype"`
	Data       json.RawMessage `json:"data,omitempty"`
	Parameters map[string]int  `json:"parameters,omitempty"`
}

func kserveBody(inputs []graph.Input, values []*tensor.Tensor) ([]string, []byte) {
	return asJSON, kserveHead(inputs, values, map[string]any{}, func(t *kserveTensor, x *tensor.Tensor) {
		at := 0
		flat := *x
		flat.Shape = []int{x.Len()}
		t.Data = appendArray(nil, &flat, 0, &at)
	})
}

// binaryBody has the tensors behind the JSON and asks for the answer's so, as clients of Triton do.
func binaryBody(inputs []graph.Input, values []*tensor.Tensor) ([]string, []byte) {
	var tail []byte
	head := kserveHead(inputs, values, map[string]any{"parameters": map[string]bool{"binary_data_output": true}}, func(t *kserveTensor, x *tensor.Tensor) {
		before := len(tail)
		tail = append(tail, x.Bytes...)
		for _, text := range x.Strings {
			tail = append(binary.LittleEndian.AppendUint32(tail, uint32(len(text))), text...)
		}
		t.Parameters = map[string]int{"binary_data_size": len(tail) - before}
	})
	return []string{"Content-Type: application/octet-stream", fmt.Sprintf("Inference-Header-Content-Length: %d", len(head))}, append(head, tail...)
}

func kserveHead(inputs []graph.Input, values []*tensor.Tensor, body map[string]any, fill func(*kserveTensor, *tensor.Tensor)) []byte {
	list := make([]kserveTensor, len(inputs))
	for i, in := range inputs {
		list[i] = kserveTensor{Name: in.Name, Shape: append([]int{}, values[i].Shape...), Datatype: kserve.Datatype(in.DType)}
		fill(&list[i], values[i])
	}
	body["inputs"] = list
	text, _ := json.Marshal(body) // of such values it never fails
	return text
}

// check refuses values that the protocol has no form for. Errors wrap errUsage.
func (p *protocol) check(name string, inputs []graph.Input, values []*tensor.Tensor) error {
	for i, in := range inputs {
		switch {
		case name == "kserve" && (in.DType == tensor.Float16 || in.DType == tensor.BFloat16):
			return fmt.Errorf("input %q has elements of %s, which has no JSON in --protocol kserve, expected kserve-binary: %w", in.Name, in.DType, errUsage)
		case name == "predict" && (len(values[i].Shape) == 0 || values[i].Shape[0] != values[0].Shape[0]):
			return fmt.Errorf("input %q has no rows, or others than the first, and --protocol predict has rows alone: %w", in.Name, errUsage)
		}
	}
	return nil
}
