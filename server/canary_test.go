package server_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/kserve/inference"
	tf "github.com/hotpath/hotpath/server/api/tfserving/tensorflow"
	"github.com/hotpath/hotpath/server/registry"
	"github.com/hotpath/hotpath/server/servertest"
)

// canaryModel makes models of three kinds: sums, classes, and vectors of token ids.
func canaryModel(data []byte) (server.Runner, error) {
	kind, _, _ := strings.Cut(string(data), " ")
	m := servertest.Sum(3, 1)
	fill := func(_, out []*tensor.Tensor) error { return nil }
	switch kind {
	case "classes":
		m.Sig.Task = graph.Classification
		m.Sig.Outputs[0].Shape = []int{-1, 2}
		fill = func(in, out []*tensor.Tensor) error { out[0].Resize(in[0].Shape[0], 2); return nil }
	case "vectors":
		m.Sig.Inputs[0].DType, m.Sig.Inputs[0].Shape = tensor.Int64, []int{-1, -1}
		m.Sig.Outputs[0].Shape = []int{-1, 2}
		fill = func(in, out []*tensor.Tensor) error { out[0].Resize(in[0].Shape[0], 2); return nil }
	default:
		return m, nil
	}
	m.Func = fill
	return m, nil
}

// bodies is how each route that runs a model is asked, by the end of its path: the model, and the body.
var bodies = map[string][2]string{
	"/predict":     {"sums", `{"input_data": [[1, 2, 3]]}`},
	":predict":     {"sums", `{"instances": [[1, 2, 3]]}`},
	":regress":     {"sums", `{"examples": [{"input": [1, 2, 3]}]}`},
	":classify":    {"classes", `{"examples": [{"input": [1, 2, 3]}]}`},
	"/infer":       {"sums", `{"inputs": [{"name": "input", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}`},
	"/invocations": {"sums", `{"instances": [[1, 2, 3]]}`},
	"/embeddings":  {"vectors", `{"model": "vectors", "input": [1, 2, 3]}`},
}

// asker asks a model by one way for any version, with a key if that is not empty, and returns the version that answered.
type asker struct {
	way, model string
	ask        func(key string) (version string, err error)
}

// overHTTP is every route that runs a model and names no version. One that is not known here fails the test.
func overHTTP(t *testing.T, s *server.Server) (all []asker) {
	for _, api := range apis {
		for _, r := range api.Routes() {
			if r.Method != "POST" || !slices.Contains(r.Doc.Errors, 504) || strings.Contains(r.Path, "{version}") || strings.Contains(r.Path, "{label}") {
				continue
			}
			var about [2]string
			for end, b := range bodies {
				if strings.HasSuffix(r.Path, end) {
					about = b
				}
			}
			if about[0] == "" {
				t.Errorf("%s %s: how is it asked?", r.Method, r.Path)
				continue
			}
			url := s.URL() + strings.ReplaceAll(r.Path, "{model}", about[0])
			if !strings.Contains(r.Path, "{model}") {
				url += "?model=" + about[0]
			}
			all = append(all, asker{r.Path, about[0], func(key string) (string, error) {
				headers := []string{"Content-Type", "application/json"}
				if key != "" {
					headers = append(headers, "X-Hotpath-Key", key)
				}
				code, body, h := call(t, "POST", url, about[1], headers...)
				if code != 200 {
					return "", fmt.Errorf("%d %s", code, body)
				}
				_, version, _ := strings.Cut(h.Get("X-Hotpath-Model"), "/")
				return version, nil
			}})
		}
	}
	return all
}

// notRuns are the gRPC methods that anyone may call and that run no model.
var notRuns = []string{"ServerReflectionInfo", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelConfig", "ModelStatistics", "RepositoryIndex",
	"SystemSharedMemoryStatus", "CudaSharedMemoryStatus", "TraceSetting", "GetModelMetadata", "GetModelStatus"}

// overGRPC is every gRPC method that runs a model.
func overGRPC(t *testing.T, s *server.Server) (all []asker) {
	conn := dial(t, s)
	ks, ts := inference.NewGRPCInferenceServiceClient(conn), tf.NewPredictionServiceClient(conn)
	infer := &inference.ModelInferRequest{ModelName: "sums", Inputs: []*inference.ModelInferRequest_InferInputTensor{{Name: "input", Datatype: "FP32",
		Shape: []int64{1, 3}, Contents: &inference.InferTensorContents{Fp32Contents: []float32{1, 2, 3}}}}}
	input := &tf.Input{Kind: &tf.Input_ExampleList{ExampleList: &tf.ExampleList{Examples: []*tf.Example{{Features: &tf.Features{Feature: map[string]*tf.Feature{
		"input": {Kind: &tf.Feature_FloatList{FloatList: &tf.FloatList{Value: []float32{1, 2, 3}}}}}}}}}}}
	row := &tf.TensorProto{Dtype: tf.DataType_DT_FLOAT, FloatVal: []float32{1, 2, 3}, TensorShape: &tf.TensorShapeProto{Dim: []*tf.TensorShapeProto_Dim{{Size: 1}, {Size: 3}}}}
	number := func(spec *tf.ModelSpec) string { return fmt.Sprint(spec.GetVersion().GetValue()) }
	methods := map[string]asker{
		"ModelInfer": {model: "sums", ask: func(key string) (string, error) {
			a, err := ks.ModelInfer(withKey(t, key), infer)
			return a.GetModelVersion(), err
		}},
		"ModelStreamInfer": {model: "sums", ask: func(key string) (string, error) {
			stream, err := ks.ModelStreamInfer(withKey(t, key))
			if err == nil {
				err = stream.Send(infer)
			}
			if err != nil {
				return "", err
			}
			a, err := stream.Recv()
			if err == nil && a.ErrorMessage != "" {
				err = fmt.Errorf("%s", a.ErrorMessage)
			}
			_ = stream.CloseSend()
			if _, end := stream.Recv(); err == nil && end != io.EOF {
				err = end
			}
			return a.GetInferResponse().GetModelVersion(), err
		}},
		"Predict": {model: "sums", ask: func(key string) (string, error) {
			a, err := ts.Predict(withKey(t, key), &tf.PredictRequest{ModelSpec: &tf.ModelSpec{Name: "sums"}, Inputs: map[string]*tf.TensorProto{"input": row}})
			return number(a.GetModelSpec()), err
		}},
		"Regress": {model: "sums", ask: func(key string) (string, error) {
			a, err := ts.Regress(withKey(t, key), &tf.RegressionRequest{ModelSpec: &tf.ModelSpec{Name: "sums"}, Input: input})
			return number(a.GetModelSpec()), err
		}},
		"Classify": {model: "classes", ask: func(key string) (string, error) {
			a, err := ts.Classify(withKey(t, key), &tf.ClassificationRequest{ModelSpec: &tf.ModelSpec{Name: "classes"}, Input: input})
			return number(a.GetModelSpec()), err
		}},
		"MultiInference": {model: "sums", ask: func(key string) (string, error) {
			a, err := ts.MultiInference(withKey(t, key), &tf.MultiInferenceRequest{Input: input,
				Tasks: []*tf.InferenceTask{{ModelSpec: &tf.ModelSpec{Name: "sums"}, MethodName: "tensorflow/serving/regress"}}})
			if err != nil || len(a.Results) != 1 {
				return "", err
			}
			return number(a.Results[0].GetModelSpec()), nil
		}},
	}
	for full, right := range s.Methods() {
		name := full[strings.LastIndexByte(full, '/')+1:]
		m, ok := methods[name]
		switch {
		case ok:
			m.way = full
			all = append(all, m)
		case right == server.Predict && !slices.Contains(notRuns, name):
			t.Errorf("%s: how is it asked?", full)
		}
	}
	if len(all) != len(methods) {
		t.Errorf("%d of %d methods are there", len(all), len(methods))
	}
	return all
}

func withKey(t *testing.T, key string) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	if key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "x-hotpath-key", key)
	}
	return ctx
}

// TestCanaryByEveryWay splits requests 80 to 20 between labels, and asks by every route and every gRPC method that runs a
// model. Each way has its share, a caller with a key gets one version by all of them, and a rollback of the label
// is seen by all.
func TestCanaryByEveryWay(t *testing.T) {
	store := registry.New(t.TempDir())
	models := []string{"sums", "classes", "vectors"}
	for _, name := range models {
		for _, label := range []string{"stable", "canary", "canary"} {
			publish(t, store, name, label, fmt.Append(nil, name, " ", label, len(name)))
		}
		if err := store.SetSplit(name, map[string]int{"stable": 80, "canary": 20}); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, func(c *server.Config) {
		c.Load, c.GRPC = canaryModel, "127.0.0.1:0"
		c.Sources = []server.Source{server.Registry{Store: store}}
	})
	ways := append(overHTTP(t, s), overGRPC(t, s)...)
	if len(ways) < 16 {
		t.Errorf("%d ways", len(ways))
	}
	ask := func(w asker, key string) string {
		t.Helper()
		version, err := w.ask(key)
		if err != nil {
			t.Fatalf("%s: %v", w.way, err)
		}
		return version
	}
	for _, w := range ways {
		seen := map[string]int{}
		for range 50 {
			seen[ask(w, "")]++
		}
		if n := seen["3"]; n < 8 || n > 12 || seen["1"] != 50-n {
			t.Errorf("%s: of 50 requests: %v", w.way, seen)
		}
	}
	first := map[string]string{} // what a caller got, by model and key
	both := map[string]bool{}
	for _, w := range ways {
		for n := range 30 {
			key := fmt.Sprint("user-", n)
			at, got := w.model+" "+key, ask(w, key)
			if first[at] == "" {
				first[at] = got
			}
			if got != first[at] {
				t.Errorf("%s: %s got version %s, and %s before", w.way, key, got, first[at])
			}
			both[w.model+got] = true
		}
	}
	if len(both) != 2*len(models) {
		t.Errorf("callers got %v", both)
	}
	for _, name := range models {
		if _, err := store.Rollback(name, "canary"); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range ways {
		key := ""
		for n := 0; key == ""; n++ {
			if k := fmt.Sprint("user-", n); first[w.model+" "+k] == "3" {
				key = k
			}
		}
		eventually(t, w.way+" after the rollback", func() bool { return ask(w, key) == "2" })
	}
}
