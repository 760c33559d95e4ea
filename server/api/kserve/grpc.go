package kserve

import (
	"context"
	"errors"
	"io"
	"math"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/internal/build"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/kserve/inference"
)

// Services implements server.GRPC.
func (API) Services(srv *server.Server) []server.Service {
	return []server.Service{{Desc: &inference.GRPCInferenceService_ServiceDesc, Impl: &service{srv: srv}}}
}

// service answers the calls of inference.proto.
type service struct {
	inference.UnimplementedGRPCInferenceServiceServer
	srv *server.Server
}

// models is what the caller sees.
func (s *service) models(ctx context.Context) *server.Catalog {
	return s.srv.ModelsFor(server.CallerOf(ctx))
}

func (s *service) ServerLive(context.Context, *inference.ServerLiveRequest) (*inference.ServerLiveResponse, error) {
	return &inference.ServerLiveResponse{Live: true}, nil
}

func (s *service) ServerReady(context.Context, *inference.ServerReadyRequest) (*inference.ServerReadyResponse, error) {
	return &inference.ServerReadyResponse{Ready: s.srv.Ready() == nil}, nil
}

// ModelReady answers false for a model that is not there, as Triton does for one that does not answer.
func (s *service) ModelReady(ctx context.Context, q *inference.ModelReadyRequest) (*inference.ModelReadyResponse, error) {
	_, _, err := lookup(s.models(ctx), []byte(q.Name), q.Version)
	return &inference.ModelReadyResponse{Ready: err == nil}, nil
}

func (s *service) ServerMetadata(context.Context, *inference.ServerMetadataRequest) (*inference.ServerMetadataResponse, error) {
	return &inference.ServerMetadataResponse{Name: serverName, Version: build.Version(), Extensions: extensions}, nil
}

func (s *service) ModelMetadata(ctx context.Context, q *inference.ModelMetadataRequest) (*inference.ModelMetadataResponse, error) {
	m, e, err := pickFrom(s.srv, s.models(ctx), []byte(q.Name), q.Version, server.CallerKeyOf(ctx))
	if err != nil {
		return nil, err
	}
	d := describe(m, e, q.Version != "")
	answer := &inference.ModelMetadataResponse{Name: d.Name, Versions: d.Versions, Platform: d.Platform}
	for _, t := range d.Inputs {
		answer.Inputs = append(answer.Inputs, &inference.ModelMetadataResponse_TensorMetadata{Name: t.Name, Datatype: t.Datatype, Shape: int64s(t.Shape)})
	}
	for _, t := range d.Outputs {
		answer.Outputs = append(answer.Outputs, &inference.ModelMetadataResponse_TensorMetadata{Name: t.Name, Datatype: t.Datatype, Shape: int64s(t.Shape)})
	}
	return answer, nil
}

func (s *service) ModelConfig(ctx context.Context, q *inference.ModelConfigRequest) (*inference.ModelConfigResponse, error) {
	m, e, err := pickFrom(s.srv, s.models(ctx), []byte(q.Name), q.Version, server.CallerKeyOf(ctx))
	if err != nil {
		return nil, err
	}
	c := configure(m, e, s.srv.MaxRows(e))
	answer := &inference.ModelConfig{Name: c.Name, Platform: c.Platform, Backend: c.Backend, MaxBatchSize: int32(min(c.MaxBatchSize, math.MaxInt32)),
		VersionPolicy: &inference.ModelVersionPolicy{PolicyChoice: &inference.ModelVersionPolicy_Specific_{
			Specific: &inference.ModelVersionPolicy_Specific{Versions: c.VersionPolicy.Specific.Versions}}}}
	for _, t := range c.Input {
		answer.Input = append(answer.Input, &inference.ModelInput{Name: t.Name, DataType: inference.DataType(inference.DataType_value[t.DataType]), Dims: int64s(t.Dims)})
	}
	for _, t := range c.Output {
		answer.Output = append(answer.Output, &inference.ModelOutput{Name: t.Name, DataType: inference.DataType(inference.DataType_value[t.DataType]), Dims: int64s(t.Dims)})
	}
	return &inference.ModelConfigResponse{Config: answer}, nil
}

func (s *service) RepositoryIndex(ctx context.Context, q *inference.RepositoryIndexRequest) (*inference.RepositoryIndexResponse, error) {
	answer := &inference.RepositoryIndexResponse{}
	for _, v := range index(s.models(ctx), q.Ready) {
		answer.Models = append(answer.Models, &inference.RepositoryIndexResponse_ModelIndex{Name: v.Name, Version: v.Version, State: v.State, Reason: v.Reason})
	}
	return answer, nil
}

func (s *service) SystemSharedMemoryStatus(context.Context, *inference.SystemSharedMemoryStatusRequest) (*inference.SystemSharedMemoryStatusResponse, error) {
	return &inference.SystemSharedMemoryStatusResponse{}, nil
}

func (s *service) CudaSharedMemoryStatus(context.Context, *inference.CudaSharedMemoryStatusRequest) (*inference.CudaSharedMemoryStatusResponse, error) {
	return &inference.CudaSharedMemoryStatusResponse{}, nil
}

// RepositoryModelLoad brings a model into memory and answers when it is there.
func (s *service) RepositoryModelLoad(_ context.Context, q *inference.RepositoryModelLoadRequest) (*inference.RepositoryModelLoadResponse, error) {
	return &inference.RepositoryModelLoadResponse{}, s.srv.LoadModel(q.ModelName)
}

// RepositoryModelUnload takes it out until it is loaded again.
func (s *service) RepositoryModelUnload(_ context.Context, q *inference.RepositoryModelUnloadRequest) (*inference.RepositoryModelUnloadResponse, error) {
	return &inference.RepositoryModelUnloadResponse{}, s.srv.UnloadModel(q.ModelName)
}

// TraceSetting tells that nothing is traced this way; it cannot be changed.
func (s *service) TraceSetting(_ context.Context, q *inference.TraceSettingRequest) (*inference.TraceSettingResponse, error) {
	if len(q.Settings) > 0 {
		return nil, server.Fail(graph.ErrUnsupported, "trace settings cannot be changed")
	}
	return &inference.TraceSettingResponse{Settings: map[string]*inference.TraceSettingResponse_SettingValue{"trace_level": {Value: []string{"OFF"}}}}, nil
}

// ModelInfer computes one request.
func (s *service) ModelInfer(ctx context.Context, q *inference.ModelInferRequest) (answer *inference.ModelInferResponse, err error) {
	call := s.srv.Call(ctx, server.CallerOf(ctx))
	defer func() { call.End(err) }()
	return s.infer(ctx, call, q)
}

// ModelStreamInfer computes the requests of a stream one after the other. A request that fails is answered with its
// error and does not end the stream.
func (s *service) ModelStreamInfer(stream grpc.BidiStreamingServer[inference.ModelInferRequest, inference.ModelStreamInferResponse]) error {
	for {
		q, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		answer := &inference.ModelStreamInferResponse{}
		if answer.InferResponse, err = s.ModelInfer(stream.Context(), q); err != nil {
			answer.ErrorMessage = status.Convert(s.srv.GRPCError("ModelStreamInfer", err)).Message()
			answer.InferResponse = &inference.ModelInferResponse{Id: q.Id}
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}

func (s *service) infer(ctx context.Context, call *server.Call, q *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
	_, engine, err := pickFrom(s.srv, s.models(ctx), []byte(q.ModelName), q.ModelVersion, server.CallerKeyOf(ctx))
	if err != nil {
		return nil, err
	}
	if p := q.Parameters["timeout"]; p != nil {
		if n := wholeNumber(p); n > 0 {
			call.SetTimeout(microseconds(n))
		}
	}
	if p := q.Parameters["priority"]; p != nil {
		setPriority(call, wholeNumber(p))
	}
	session, err := call.Begin(engine)
	if err != nil {
		return nil, err
	}
	if err := readInputs(session, q); err != nil {
		return nil, err
	}
	outputs, err := wantedOutputs(engine.Signature, q.Outputs)
	if err != nil {
		return nil, err
	}
	if err := call.Run(session); err != nil {
		return nil, err
	}
	return writeOutputs(session, q, outputs)
}

// wholeNumber is the value of a parameter that is a whole number, whichever of its types the client chose; 0 otherwise.
func wholeNumber(p *inference.InferParameter) int64 {
	switch v := p.ParameterChoice.(type) {
	case *inference.InferParameter_Int64Param:
		return v.Int64Param
	case *inference.InferParameter_Uint64Param:
		return int64(min(v.Uint64Param, math.MaxInt64))
	}
	return 0
}

// microseconds is a duration, cut where it would not fit.
func microseconds(n int64) time.Duration {
	return time.Duration(min(n, int64(math.MaxInt64/time.Microsecond))) * time.Microsecond
}

// setPriority takes over a priority as Triton counts it: 1 is served first, 0 is the usual one.
func setPriority(c interface{ SetUrgency(int) }, n int64) {
	if n > 0 {
		c.SetUrgency(int(min(n-1, 7)))
	}
}

// readInputs fills the inputs of s. Errors wrap graph.ErrInput.
func readInputs(s *server.Session, q *inference.ModelInferRequest) error {
	sig := s.Engine.Signature
	raw := len(q.RawInputContents) > 0
	switch {
	case len(q.Inputs) != len(sig.Inputs):
		return server.Fail(graph.ErrInput, "expected %d inputs but got %d inputs for model '%s'", len(sig.Inputs), len(q.Inputs), s.Engine.Name)
	case raw && len(q.RawInputContents) != len(q.Inputs):
		return server.Fail(graph.ErrInput, "expected %d raw_input_contents, one per input, found %d", len(q.Inputs), len(q.RawInputContents))
	}
	given := make([]bool, len(sig.Inputs))
	for i, in := range q.Inputs {
		index := -1
		for j := range sig.Inputs {
			if sig.Inputs[j].Name == in.GetName() {
				index = j
			}
		}
		switch {
		case index < 0:
			return server.Fail(graph.ErrInput, "unexpected inference input '%s' for model '%s'", in.GetName(), s.Engine.Name)
		case given[index]:
			return server.Fail(graph.ErrInput, "input '%s' already exists in request", in.Name)
		}
		given[index] = true
		t := s.Inputs[index]
		if want := typeOf(t.DType).name; in.Datatype != want {
			return server.Fail(graph.ErrInput, "inference input '%s' data-type is '%s', but model '%s' expects '%s'", in.Name, in.Datatype, s.Engine.Name, want)
		}
		shape, err := shapeOf(in)
		switch {
		case err != nil:
		case raw && in.Contents != nil:
			err = server.Fail(graph.ErrInput, "input '%s' has contents beside raw_input_contents", in.Name)
		case raw:
			err = readBinary(t, in.Name, shape, q.RawInputContents[i])
		default:
			err = readContents(t, in.Name, shape, in.Contents)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func shapeOf(in *inference.ModelInferRequest_InferInputTensor) ([]int, error) {
	if len(in.Shape) > maxRank {
		return nil, server.Fail(graph.ErrInput, "input '%s' has more than %d axes", in.Name, maxRank)
	}
	shape := make([]int, len(in.Shape))
	for i, d := range in.Shape {
		if d < 0 || d > math.MaxInt32 {
			return nil, server.Fail(graph.ErrInput, "input '%s': axis %d has the size %d", in.Name, i, d)
		}
		shape[i] = int(d)
	}
	return shape, nil
}

// wantedOutputs are the outputs that are asked for, all where none is named.
func wantedOutputs(sig *graph.Signature, asked []*inference.ModelInferRequest_InferRequestedOutputTensor) (list []wanted, err error) {
	for _, o := range asked {
		w := wanted{index: -1}
		for j := range sig.Outputs {
			if sig.Outputs[j].Name == o.GetName() {
				w.index = j
			}
		}
		if w.index < 0 {
			return nil, server.Fail(graph.ErrInput, "unexpected inference output '%s'", o.GetName())
		}
		for _, other := range list {
			if other.index == w.index {
				return nil, server.Fail(graph.ErrInput, "output '%s' already requested", o.Name)
			}
		}
		if p := o.Parameters["classification"]; p != nil {
			w.classes = int(max(0, min(wholeNumber(p), math.MaxInt32)))
		}
		list = append(list, w)
	}
	for i := range sig.Outputs {
		if len(asked) == 0 {
			list = append(list, wanted{index: i})
		}
	}
	return list, nil
}

// writeOutputs makes the answer: as bytes, unless the request had its inputs as elements and every output can be.
func writeOutputs(s *server.Session, q *inference.ModelInferRequest, outputs []wanted) (*inference.ModelInferResponse, error) {
	answer := &inference.ModelInferResponse{ModelName: s.Engine.Name, ModelVersion: strconv.FormatInt(s.Engine.Version, 10), Id: q.Id}
	bytes := len(q.RawInputContents) > 0 || len(q.Inputs) == 0
	tensors := make([]*tensor.Tensor, len(outputs))
	for i, w := range outputs {
		out, t := s.Engine.Signature.Outputs[w.index], s.Outputs[w.index]
		if w.classes > 0 {
			t = &tensor.Tensor{}
			if err := classify(t, s.Outputs[w.index], out, w.classes); err != nil {
				return nil, err
			}
		}
		name := typeOf(t.DType).name
		if name == "" {
			return nil, server.Fail(graph.ErrUnsupported, "output '%s' has dtype %s, for which the protocol has no name", out.Name, t.DType)
		}
		tensors[i] = t
		bytes = bytes || halfFloat(t.DType)
		answer.Outputs = append(answer.Outputs, &inference.ModelInferResponse_InferOutputTensor{Name: out.Name, Datatype: name, Shape: int64s(t.Shape)})
	}
	for i, t := range tensors {
		if bytes {
			answer.RawOutputContents = append(answer.RawOutputContents, appendBinary(make([]byte, 0, binarySize(t)), t))
		} else {
			answer.Outputs[i].Contents = contentsOf(t)
		}
	}
	return answer, nil
}

func int64s(shape []int) []int64 {
	list := make([]int64, len(shape))
	for i, d := range shape {
		list[i] = int64(d)
	}
	return list
}
