package tfserving

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/anypb"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/tfserving/tensorflow"
)

// Services implements server.GRPC.
func (API) Services(srv *server.Server) []server.Service {
	return []server.Service{
		{Desc: &tensorflow.PredictionService_ServiceDesc, Impl: &service{srv: srv}},
		{Desc: &tensorflow.ModelService_ServiceDesc, Impl: &models{srv: srv}},
	}
}

// service answers the calls of PredictionService.
type service struct {
	tensorflow.UnimplementedPredictionServiceServer
	srv *server.Server
}

// Predict computes the outputs for tensors.
func (s *service) Predict(ctx context.Context, q *tensorflow.PredictRequest) (answer *tensorflow.PredictResponse, err error) {
	call := s.srv.Call(ctx, server.CallerOf(ctx))
	defer func() { call.End(err) }()
	engine, err := s.pick(ctx, q.ModelSpec)
	if err != nil {
		return nil, err
	}
	outputs, err := filter(engine.Signature, q.OutputFilter)
	if err != nil {
		return nil, err
	}
	session, err := call.Begin(engine)
	if err != nil {
		return nil, err
	}
	if err := readInputs(session, q.Inputs); err != nil {
		return nil, err
	}
	if err := call.Run(session); err != nil {
		return nil, err
	}
	answer = &tensorflow.PredictResponse{ModelSpec: specOf(engine), Outputs: map[string]*tensorflow.TensorProto{}}
	for _, i := range outputs {
		name, t := engine.Signature.Outputs[i].Name, session.Outputs[i]
		if dataTypes[t.DType] == tensorflow.DataType_DT_INVALID {
			return nil, server.Fail(graph.ErrUnsupported, "output %s has the type %s, which TensorFlow does not know", name, t.DType)
		}
		answer.Outputs[name] = tensorOf(t)
	}
	return answer, nil
}

// readInputs fills the inputs of s, which must all be there and no others. Errors wrap graph.ErrInput or graph.ErrLimit.
func readInputs(s *server.Session, inputs map[string]*tensorflow.TensorProto) error {
	var known, sent, missing, extra []string
	for _, in := range s.Engine.Signature.Inputs {
		known = append(known, in.Name)
		if inputs[in.Name] == nil {
			missing = append(missing, in.Name)
		}
	}
	for name := range inputs {
		sent = append(sent, name)
		if !slices.Contains(known, name) {
			extra = append(extra, name)
		}
	}
	switch {
	case len(sent) != len(known):
		return server.Fail(graph.ErrInput, "input size does not match signature: %d!=%d len(%s) != len(%s). Sent extra: %s. Missing but required: %s.",
			len(sent), len(known), set(sent), set(known), set(extra), set(missing))
	case len(extra) > 0:
		return server.Fail(graph.ErrInput, "input tensor alias not found in signature: %s. Inputs expected to be in the set %s.", quoted(extra[0]), set(known))
	}
	room := fullRoom
	for i, in := range s.Engine.Signature.Inputs {
		if err := readTensor(s.Inputs[i], in.Name, inputs[in.Name], &room); err != nil {
			return err
		}
	}
	return nil
}

// set lists names in an error, not all where there are many.
func set(names []string) string {
	names = slices.Sorted(slices.Values(names))
	const most = 20
	more := ""
	if len(names) > most {
		names, more = names[:most], fmt.Sprintf(",… %d more", len(names)-most)
	}
	return "{" + quoted(strings.Join(names, ",")) + more + "}"
}

// filter is the outputs that are asked for, all where none is named. Errors wrap graph.ErrInput.
func filter(sig *graph.Signature, asked []string) (outputs []int, err error) {
	var known []string
	for i, out := range sig.Outputs {
		known = append(known, out.Name)
		if len(asked) == 0 {
			outputs = append(outputs, i)
		}
	}
	for _, name := range asked {
		i := slices.Index(known, name)
		switch {
		case i < 0:
			return nil, server.Fail(graph.ErrInput, "output tensor alias not found in signature: %s Outputs expected to be in the set %s.", quoted(name), set(known))
		case slices.Contains(outputs, i):
			return nil, server.Fail(graph.ErrInput, "duplicate output tensor alias: %s", name)
		}
		outputs = append(outputs, i)
	}
	return outputs, nil
}

// GetModelMetadata tells inputs and outputs.
func (s *service) GetModelMetadata(ctx context.Context, q *tensorflow.GetModelMetadataRequest) (*tensorflow.GetModelMetadataResponse, error) {
	const field = "signature_def" // the one there is
	if err := checkSpec(q.ModelSpec); err != nil {
		return nil, err
	}
	if len(q.MetadataField) == 0 {
		return nil, server.Fail(graph.ErrInput, "GetModelMetadataRequest must specify at least one metadata_field")
	}
	for _, f := range q.MetadataField {
		if f != field {
			return nil, server.Fail(graph.ErrInput, "Metadata field %s is not supported", quoted(f))
		}
	}
	engine, err := s.pick(ctx, q.ModelSpec)
	if err != nil {
		return nil, err
	}
	def := &tensorflow.SignatureDef{MethodName: predictMethod, Inputs: map[string]*tensorflow.TensorInfo{}, Outputs: map[string]*tensorflow.TensorInfo{}}
	for _, in := range engine.Signature.Inputs {
		def.Inputs[in.Name] = infoOf(in.Name, in.DType, in.Shape)
	}
	for _, out := range engine.Signature.Outputs {
		def.Outputs[out.Name] = infoOf(out.Name, out.DType, out.Shape)
	}
	packed, err := anypb.New(&tensorflow.SignatureDefMap{SignatureDef: map[string]*tensorflow.SignatureDef{signatureName: def}})
	if err != nil {
		return nil, fmt.Errorf("pack metadata: %w", err)
	}
	spec := specOf(engine)
	spec.SignatureName = "" // TensorFlow Serving does not tell it here
	return &tensorflow.GetModelMetadataResponse{ModelSpec: spec, Metadata: map[string]*anypb.Any{field: packed}}, nil
}

func infoOf(name string, d tensor.DType, dims []int) *tensorflow.TensorInfo {
	shape := &tensorflow.TensorShapeProto{}
	for _, n := range dims {
		shape.Dim = append(shape.Dim, &tensorflow.TensorShapeProto_Dim{Size: int64(n)})
	}
	return &tensorflow.TensorInfo{Encoding: &tensorflow.TensorInfo_Name{Name: name}, Dtype: dataTypes[d], TensorShape: shape}
}
