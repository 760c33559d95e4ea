package kserve

import (
	"strconv"

	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/build"
	"github.com/hotpath/hotpath/server"
)

// extensions are the parts of the protocol beyond its core that are answered here.
var extensions = []string{"classification", "model_repository", "model_configuration", "statistics", "binary_tensor_data"}

// serverName is what the server calls itself.
const serverName = "hotpath"

type serverDescription struct {
	Name       string   `json:"name"`
	Version    string   `json:"version"`
	Extensions []string `json:"extensions"`
}

func serverMetadata(r *server.Request) error {
	return r.ReplyValue(serverDescription{serverName, build.Version(), extensions})
}

// live says that the process answers.
func live(r *server.Request) error {
	r.ReplyJSON([]byte(`{"live": true}`))
	return nil
}

// ready says whether requests should be sent here.
func ready(r *server.Request) error {
	if err := r.Ready(); err != nil {
		return err
	}
	r.ReplyJSON([]byte(`{"ready": true}`))
	return nil
}

func modelReady(r *server.Request) error {
	m, _, err := find(r)
	if err != nil {
		return err
	}
	return r.ReplyValue(struct {
		Name  string `json:"name"`
		Ready bool   `json:"ready"`
	}{m.Name, true})
}

// tensorMetadata describes an input or output; an axis of unknown size is -1.
type tensorMetadata struct {
	Name     string `json:"name"`
	Datatype string `json:"datatype"`
	Shape    []int  `json:"shape"`
}

type description struct {
	Name     string           `json:"name"`
	Versions []string         `json:"versions"`
	Platform string           `json:"platform"`
	Inputs   []tensorMetadata `json:"inputs"`
	Outputs  []tensorMetadata `json:"outputs"`
}

// platform names the kind of model in metadata.
const platform = "hotpath_onnx"

func modelMetadata(r *server.Request) error {
	m, engine, err := pick(r)
	if err != nil {
		return err
	}
	return r.ReplyValue(describe(m, engine, r.Param(1) != ""))
}

// describe tells the inputs and outputs of an engine, and the versions that answer: all, or the one that was asked for.
func describe(m *server.Model, e *server.Engine, pinned bool) description {
	answer := description{Name: m.Name, Versions: []string{}, Platform: platform, Inputs: []tensorMetadata{}, Outputs: []tensorMetadata{}}
	for _, v := range m.Versions {
		if v.State == server.Available && (!pinned || v.Number == e.Version) {
			answer.Versions = append(answer.Versions, strconv.FormatInt(v.Number, 10))
		}
	}
	for _, in := range e.Signature.Inputs {
		answer.Inputs = append(answer.Inputs, tensorMetadata{in.Name, typeOf(in.DType).name, dims(in.Shape)})
	}
	for _, out := range e.Signature.Outputs {
		answer.Outputs = append(answer.Outputs, tensorMetadata{out.Name, typeOf(out.DType).name, dims(out.Shape)})
	}
	return answer
}

// dims is a shape as the protocol writes it: -1 for every unknown size, and a list where there are no axes.
func dims(shape []int) []int {
	list := []int{}
	for _, d := range shape {
		list = append(list, max(d, -1))
	}
	return list
}

type tensorConfig struct {
	Name     string `json:"name"`
	DataType string `json:"data_type"`
	Dims     []int  `json:"dims"`
}

type config struct {
	Name          string         `json:"name"`
	Platform      string         `json:"platform"`
	Backend       string         `json:"backend"`
	MaxBatchSize  int            `json:"max_batch_size"`
	Input         []tensorConfig `json:"input"`
	Output        []tensorConfig `json:"output"`
	VersionPolicy struct {
		Specific struct {
			Versions []int64 `json:"versions"`
		} `json:"specific"`
	} `json:"version_policy"`
}

// modelConfig tells the configuration in Triton's form (model_config.proto): a model whose every input and output has
// rows of unknown number takes batches, and its dims are those of one row.
func modelConfig(r *server.Request) error {
	m, engine, err := pick(r)
	if err != nil {
		return err
	}
	return r.ReplyValue(configure(m, engine, r.MaxRows(engine)))
}

// configure is the configuration of a model of which one request may have maxRows rows.
func configure(m *server.Model, e *server.Engine, maxRows int) config {
	c := config{Name: m.Name, Platform: platform, Backend: serverName, Input: []tensorConfig{}, Output: []tensorConfig{}}
	first := 0
	if batched(e) {
		c.MaxBatchSize, first = maxRows, 1
	}
	for _, in := range e.Signature.Inputs {
		c.Input = append(c.Input, configOf(in.Name, in.DType, in.Shape, first))
	}
	for _, out := range e.Signature.Outputs {
		c.Output = append(c.Output, configOf(out.Name, out.DType, out.Shape, first))
	}
	for _, v := range m.Versions {
		if v.State == server.Available {
			c.VersionPolicy.Specific.Versions = append(c.VersionPolicy.Specific.Versions, v.Number)
		}
	}
	return c
}

// batched reports whether the first axis of all inputs and outputs is an open number of rows.
func batched(e *server.Engine) bool {
	for _, in := range e.Signature.Inputs {
		if len(in.Shape) == 0 || in.Shape[0] >= 0 {
			return false
		}
	}
	for _, out := range e.Signature.Outputs {
		if len(out.Shape) == 0 || out.Shape[0] >= 0 {
			return false
		}
	}
	return len(e.Signature.Inputs) > 0
}

func configOf(name string, d tensor.DType, shape []int, first int) tensorConfig {
	return tensorConfig{name, typeOf(d).config, dims(shape[first:])}
}
