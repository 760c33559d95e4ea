package tfserving

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
)

type versionStatus struct {
	Version string       `json:"version"`
	State   server.State `json:"state"`
	Status  struct {
		Code    string `json:"error_code"`
		Message string `json:"error_message"`
	} `json:"status"`
}

// others is what OpenAI's API and KServe's version 1 tell of a model at the same path.
type others struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
	Name    string `json:"name"`
	Ready   bool   `json:"ready"`
}

type modelStatus struct {
	Versions []versionStatus `json:"model_version_status"`
	*others
}

// status tells the states of versions: all of a model, or the one that was asked for.
func status(p pin) func(*server.Request) error {
	return func(r *server.Request) error {
		m, engine, err := p.find(r)
		if err != nil {
			if m == nil && r.Param(1) == "" {
				return server.Fail(server.ErrNotFound, "Could not find any versions of model %s", r.Param(0))
			}
			return err
		}
		var answer modelStatus
		if p.all {
			answer.others = &others{ID: m.Name, Object: "model", OwnedBy: "hotpath", Name: m.Name, Ready: m.Serving != nil}
			if m.Serving != nil {
				answer.Created = m.Serving.Loaded.Unix()
			}
		}
		for _, v := range m.Versions {
			if pinned := r.Param(1); pinned != "" && !(engine != nil && engine.Version == v.Number || pinned == strconv.FormatInt(v.Number, 10) || m.Labels[pinned] == v.Number) {
				continue
			}
			s := versionStatus{Version: strconv.FormatInt(v.Number, 10), State: v.State}
			s.Status.Code = "OK"
			if v.Error != "" {
				s.Status.Code, s.Status.Message = "UNKNOWN", v.Error
			}
			answer.Versions = append(answer.Versions, s)
		}
		return replyPretty(r, answer)
	}
}

type (
	dim struct {
		Size string `json:"size"`
		Name string `json:"name"`
	}
	shape struct {
		Dim         []dim `json:"dim"`
		UnknownRank bool  `json:"unknown_rank"`
	}
	tensorInfo struct {
		DType string `json:"dtype"`
		Shape shape  `json:"tensor_shape"`
		Name  string `json:"name"`
	}
	signatureDef struct {
		Inputs  map[string]tensorInfo `json:"inputs"`
		Outputs map[string]tensorInfo `json:"outputs"`
		Method  string                `json:"method_name"`
	}
	signatureDefMap struct {
		Type string                  `json:"@type"`
		Def  map[string]signatureDef `json:"signature_def"`
	}
	modelMetadata struct {
		Spec struct {
			Name      string `json:"name"`
			Signature string `json:"signature_name"`
			Version   string `json:"version"`
		} `json:"model_spec"`
		Metadata struct {
			SignatureDef signatureDefMap `json:"signature_def"` // holds signature_def once more, as in TensorFlow Serving
		} `json:"metadata"`
	}
)

// metadata tells inputs and outputs.
func metadata(p pin) func(*server.Request) error {
	return func(r *server.Request) error {
		engine, err := p.ready(r)
		if err != nil {
			return err
		}
		def := signatureDef{Inputs: map[string]tensorInfo{}, Outputs: map[string]tensorInfo{}, Method: predictMethod}
		for _, in := range engine.Signature.Inputs {
			def.Inputs[in.Name] = info(in.Name, in.DType, in.Shape)
		}
		for _, out := range engine.Signature.Outputs {
			def.Outputs[out.Name] = info(out.Name, out.DType, out.Shape)
		}
		var answer modelMetadata
		answer.Spec.Name, answer.Spec.Version = engine.Name, strconv.FormatInt(engine.Version, 10)
		answer.Metadata.SignatureDef.Type = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
		answer.Metadata.SignatureDef.Def = map[string]signatureDef{signatureName: def}
		return replyPretty(r, answer)
	}
}

func info(name string, d tensor.DType, dims []int) tensorInfo {
	t := tensorInfo{DType: dataTypes[d].String(), Name: name, Shape: shape{Dim: []dim{}}}
	for _, n := range dims {
		t.Shape.Dim = append(t.Shape.Dim, dim{Size: strconv.Itoa(n)})
	}
	return t
}

// replyPretty answers as protobuf's JSON printer does: one blank per level.
func replyPretty(r *server.Request, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	r.ReplyJSON(append(text, '\n'))
	return nil
}
