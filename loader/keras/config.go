package keras

import (
	"encoding/json"
	"fmt"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// object is the form Keras gives models, layers and their parts.
type object struct {
	Class       string          `json:"class_name"`
	Config      json.RawMessage `json:"config"`
	Name        string          `json:"name"`
	Inbound     json.RawMessage `json:"inbound_nodes"`
	BuildConfig struct {
		InputShape json.RawMessage `json:"input_shape"`
	} `json:"build_config"`
}

// modelConfig is the configuration of a Sequential or Functional model.
type modelConfig struct {
	Name    string          `json:"name"`
	Layers  []object        `json:"layers"`
	Inputs  json.RawMessage `json:"input_layers"`
	Outputs json.RawMessage `json:"output_layers"`
	Build   json.RawMessage `json:"build_input_shape"`
}

// layerConfig holds the settings of every layer that is read; each uses its own.
type layerConfig struct {
	Name            string          `json:"name"`
	Units           int             `json:"units"`
	Activation      json.RawMessage `json:"activation"`
	UseBias         *bool           `json:"use_bias"`
	BatchShape      json.RawMessage `json:"batch_shape"`
	BatchInputShape json.RawMessage `json:"batch_input_shape"`
	DType           json.RawMessage `json:"dtype"`
	Axis            json.RawMessage `json:"axis"`
	Epsilon         *float32        `json:"epsilon"`
	Center          *bool           `json:"center"`
	Scale           json.RawMessage `json:"scale"` // a switch of normalisations, a factor of Rescaling
	Offset          json.RawMessage `json:"offset"`
	RMSScaling      bool            `json:"rms_scaling"`
	Alpha           json.RawMessage `json:"alpha"`
	NegativeSlope   json.RawMessage `json:"negative_slope"`
	MaxValue        *float32        `json:"max_value"`
	Threshold       float32         `json:"threshold"`
	TargetShape     []int64         `json:"target_shape"`
}

// call is one use of a layer: the values it reads, as (layer, which of its calls).
type call struct{ inputs []tensorRef }

type tensorRef struct {
	layer string
	node  int
}

// calls decodes inbound_nodes, which Keras 3 writes as calls with tensors among their arguments, and Keras 2 as lists of references.
func calls(raw json.RawMessage) ([]call, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var nodes []json.RawMessage
	if err := json.Unmarshal(raw, &nodes); err != nil {
		return nil, err
	}
	out := make([]call, len(nodes))
	for i, node := range nodes {
		var value any
		if err := json.Unmarshal(node, &value); err != nil {
			return nil, err
		}
		if m, ok := value.(map[string]any); ok {
			value = m["args"] // keyword arguments of these layers hold no tensors
		}
		var err error
		if out[i].inputs, err = tensorRefs(value, nil, 0); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// maxConfigDepth bounds how deep references nest in lists.
const maxConfigDepth = 8

// tensorRefs gathers the references in a value in their order: {"class_name": "__keras_tensor__", "config": {"keras_history": [layer, node, index]}}
// or [layer, node, index, …].
func tensorRefs(value any, to []tensorRef, depth int) ([]tensorRef, error) {
	if depth > maxConfigDepth {
		return nil, fmt.Errorf("keras: references nest more than %d deep: %w", maxConfigDepth, graph.ErrLimit)
	}
	switch v := value.(type) {
	case []any:
		if ref, ok, err := reference(v); ok || err != nil {
			return append(to, ref), err
		}
		for _, item := range v {
			var err error
			if to, err = tensorRefs(item, to, depth+1); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		if config, ok := v["config"].(map[string]any); ok {
			return tensorRefs(config["keras_history"], to, depth+1)
		}
	}
	return to, nil
}

// reference reads [layer, node, index, …]; ok is false for a list of something else.
func reference(v []any) (ref tensorRef, ok bool, err error) {
	if len(v) < 3 {
		return ref, false, nil
	}
	layer, ok1 := v[0].(string)
	node, ok2 := v[1].(float64)
	index, ok3 := v[2].(float64)
	if !ok1 || !ok2 || !ok3 {
		return ref, false, nil
	}
	if index != 0 {
		return ref, false, fmt.Errorf("keras: output %v of layer %q, which has one: %w", index, layer, graph.ErrFormat)
	}
	return tensorRef{layer, int(node)}, true, nil
}

// shapeOf decodes [null, 10]; null is an unknown dimension.
func shapeOf(raw json.RawMessage) ([]int, error) {
	var dims []*int
	if err := json.Unmarshal(raw, &dims); err != nil {
		return nil, fmt.Errorf("keras: shape %s: %w: %w", raw, err, graph.ErrFormat)
	}
	shape := make([]int, len(dims))
	for i, d := range dims {
		shape[i] = -1
		if d != nil {
			if *d < 0 || *d > 1<<40 {
				return nil, fmt.Errorf("keras: shape %s: %w", raw, graph.ErrFormat)
			}
			shape[i] = *d
		}
	}
	if len(shape) == 0 || len(shape) > 8 {
		return nil, fmt.Errorf("keras: an input of %d dimensions, expected 1 to 8: %w", len(shape), graph.ErrUnsupported)
	}
	return shape, nil
}

// dtypeOf decodes a dtype or a policy: "float32", or an object whose config has a name.
func dtypeOf(raw json.RawMessage) (tensor.DType, string) {
	if len(raw) == 0 || string(raw) == "null" {
		return tensor.Float32, "float32"
	}
	var name string
	if json.Unmarshal(raw, &name) != nil {
		var policy struct {
			Config struct {
				Name string `json:"name"`
			} `json:"config"`
		}
		if json.Unmarshal(raw, &policy) != nil {
			return tensor.Invalid, string(raw)
		}
		name = policy.Config.Name
	}
	return tensor.FromName(name), name
}

// number decodes a setting that is a number, an array of one, or an object that Keras wraps arrays in.
func number(raw json.RawMessage, def float32) (float32, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return def, nil
	}
	var v float32
	if json.Unmarshal(raw, &v) == nil {
		return v, nil
	}
	var wrapped struct {
		Config struct {
			Value json.RawMessage `json:"value"`
		} `json:"config"`
	}
	if json.Unmarshal(raw, &wrapped) == nil && json.Unmarshal(wrapped.Config.Value, &v) == nil {
		return v, nil
	}
	return 0, fmt.Errorf("keras: %s, expected a number: %w", raw, graph.ErrUnsupported)
}

// toggle is the value of a switch that is on where it is not written.
func toggle(raw json.RawMessage) bool { return string(raw) != "false" }
