package tfserving_test

import (
	"bytes"
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/tfserving"
	tf "github.com/hotpath/hotpath/server/api/tfserving/tensorflow"
	"github.com/hotpath/hotpath/server/registry"
	"github.com/hotpath/hotpath/server/servertest"
)

// client is both services of a server with the models of source, called with an admin key.
type client struct {
	tf.PredictionServiceClient
	tf.ModelServiceClient
}

func dial(t testing.TB) (client, context.Context) {
	t.Helper()
	store := registry.New(t.TempDir())
	key, _, err := store.CreateKey("root", registry.Admin)
	if err != nil {
		t.Fatal(err)
	}
	s := servertest.Start(t, server.Config{APIs: []server.API{tfserving.API{}}, Sources: []server.Source{source{}}, Load: load, GRPC: "127.0.0.1:0", Keys: store})
	conn, err := grpc.NewClient(s.GRPCAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(context.Background(), "x-api-key", key), time.Minute)
	t.Cleanup(cancel)
	return client{tf.NewPredictionServiceClient(conn), tf.NewModelServiceClient(conn)}, ctx
}

func spec(model string) *tf.ModelSpec { return &tf.ModelSpec{Name: model} }

func version(model string, n int64) *tf.ModelSpec {
	return &tf.ModelSpec{Name: model, VersionChoice: &tf.ModelSpec_Version{Version: wrapperspb.Int64(n)}}
}

func label(model, l string) *tf.ModelSpec {
	return &tf.ModelSpec{Name: model, VersionChoice: &tf.ModelSpec_VersionLabel{VersionLabel: l}}
}

func shape(dims ...int64) *tf.TensorShapeProto {
	s := &tf.TensorShapeProto{}
	for _, d := range dims {
		s.Dim = append(s.Dim, &tf.TensorShapeProto_Dim{Size: d})
	}
	return s
}

func floats(values ...float32) *tf.TensorProto {
	return &tf.TensorProto{Dtype: tf.DataType_DT_FLOAT, TensorShape: shape(int64(len(values))), FloatVal: values}
}

func request(s *tf.ModelSpec, name string, p *tf.TensorProto) *tf.PredictRequest {
	return &tf.PredictRequest{ModelSpec: s, Inputs: map[string]*tf.TensorProto{name: p}}
}

func example(name string, f *tf.Feature) *tf.Example {
	return &tf.Example{Features: &tf.Features{Feature: map[string]*tf.Feature{name: f}}}
}

func floatList(values ...float32) *tf.Feature {
	return &tf.Feature{Kind: &tf.Feature_FloatList{FloatList: &tf.FloatList{Value: values}}}
}

func int64List(values ...int64) *tf.Feature {
	return &tf.Feature{Kind: &tf.Feature_Int64List{Int64List: &tf.Int64List{Value: values}}}
}

func input(examples ...*tf.Example) *tf.Input {
	return &tf.Input{Kind: &tf.Input_ExampleList{ExampleList: &tf.ExampleList{Examples: examples}}}
}

func withContext(context *tf.Example, examples ...*tf.Example) *tf.Input {
	return &tf.Input{Kind: &tf.Input_ExampleListWithContext{ExampleListWithContext: &tf.ExampleListWithContext{Examples: examples, Context: context}}}
}

func TestPredict(t *testing.T) {
	c, ctx := dial(t)
	for _, q := range []struct {
		spec    *tf.ModelSpec
		version int64
	}{{spec("half_plus_two"), 122}, {version("half_plus_two", 123), 123}, {label("half_plus_two", "canary"), 123}, {label("half_plus_two", "stable"), 122}} {
		answer, err := c.Predict(ctx, request(q.spec, "x", floats(1, 2)))
		if err != nil {
			t.Fatal(err)
		}
		want := &tf.PredictResponse{Outputs: map[string]*tf.TensorProto{"y": floats(2.5, 3)}, ModelSpec: version("half_plus_two", q.version)}
		want.ModelSpec.SignatureName = "serving_default"
		if !proto.Equal(answer, want) {
			t.Errorf("%v: %v", q.spec, answer)
		}
	}
	two := map[string]*tf.TensorProto{"a": {Dtype: tf.DataType_DT_FLOAT, TensorShape: shape(2, 2), FloatVal: []float32{1, 2}}, "b": floats(10, -10)}
	answer, err := c.Predict(ctx, &tf.PredictRequest{ModelSpec: spec("pair"), Inputs: two})
	if err != nil {
		t.Fatal(err)
	}
	if got := answer.Outputs["sums"].GetFloatVal(); len(answer.Outputs) != 2 || len(got) != 4 || got[0] != 11 || got[1] != 12 || got[2] != -8 || got[3] != -8 {
		t.Errorf("the last value stands for those that follow: %v", answer)
	}
	answer, err = c.Predict(ctx, &tf.PredictRequest{ModelSpec: spec("pair"), Inputs: two, OutputFilter: []string{"sign"}})
	if err != nil || len(answer.Outputs) != 1 || answer.Outputs["sign"].GetDtype() != tf.DataType_DT_INT64 || answer.Outputs["sign"].GetInt64Val()[1] != -1 {
		t.Errorf("output_filter: %v %v", answer, err)
	}
	text := &tf.TensorProto{Dtype: tf.DataType_DT_STRING, TensorShape: shape(3), TensorContent: []byte("\x01\x00\x02a" + "bc")}
	answer, err = c.Predict(ctx, request(spec("text"), "words", text))
	if err != nil || !bytes.Equal(bytes.Join(answer.Outputs["upper"].GetStringVal(), []byte(",")), []byte("A,,BC")) {
		t.Errorf("text as tensor_content: %v %v", answer, err)
	}
}

func TestExamples(t *testing.T) {
	c, ctx := dial(t)
	classes, err := c.Classify(ctx, &tf.ClassificationRequest{ModelSpec: spec("scores"), Input: input(example("x", floatList(0.25, 0.5, 0.25)))})
	if err != nil {
		t.Fatal(err)
	}
	if got := classes.Result.Classifications[0].Classes; len(got) != 3 || got[1].Label != "dog" || got[1].Score != 0.5 || classes.ModelSpec.GetVersion().Value != 1 {
		t.Errorf("classify: %v", classes)
	}
	numbers, err := c.Regress(ctx, &tf.RegressionRequest{ModelSpec: spec("table"),
		Input: withContext(example("age", int64List(30)), example("height", floatList(1.5)), example("input", floatList(1, 2)))})
	if err != nil {
		t.Fatal(err)
	}
	if got := numbers.Result.Regressions; len(got) != 2 || got[0].Value != 31.5 || got[1].Value != 3 {
		t.Errorf("regress: %v", numbers)
	}
	both, err := c.MultiInference(ctx, &tf.MultiInferenceRequest{Input: input(example("x", floatList(1, 2, 3))),
		Tasks: []*tf.InferenceTask{{ModelSpec: spec("scores"), MethodName: "tensorflow/serving/classify"}}})
	if err != nil || len(both.Results) != 1 || both.Results[0].GetClassificationResult().Classifications[0].Classes[2].Score != 3 || both.Results[0].ModelSpec.GetVersion().Value != 1 {
		t.Errorf("multi inference: %v %v", both, err)
	}
}

func TestMetadataAndStatus(t *testing.T) {
	c, ctx := dial(t)
	meta, err := c.GetModelMetadata(ctx, &tf.GetModelMetadataRequest{ModelSpec: spec("pair"), MetadataField: []string{"signature_def"}})
	if err != nil {
		t.Fatal(err)
	}
	var defs tf.SignatureDefMap
	if err := meta.Metadata["signature_def"].UnmarshalTo(&defs); err != nil {
		t.Fatal(err)
	}
	def := defs.SignatureDef["serving_default"]
	want := &tf.TensorInfo{Encoding: &tf.TensorInfo_Name{Name: "a"}, Dtype: tf.DataType_DT_FLOAT, TensorShape: shape(-1, 2)}
	if !proto.Equal(def.GetInputs()["a"], want) || len(def.GetOutputs()) != 2 || def.GetMethodName() != "tensorflow/serving/predict" {
		t.Errorf("metadata: %v", def)
	}
	states, err := c.GetModelStatus(ctx, &tf.GetModelStatusRequest{ModelSpec: spec("half_plus_two")})
	if err != nil || len(states.ModelVersionStatus) != 2 || states.ModelVersionStatus[0].State != tf.ModelVersionStatus_AVAILABLE {
		t.Errorf("status: %v %v", states, err)
	}
	states, err = c.GetModelStatus(ctx, &tf.GetModelStatusRequest{ModelSpec: version("late", 2)})
	if err != nil || len(states.ModelVersionStatus) != 1 || states.ModelVersionStatus[0].State != tf.ModelVersionStatus_END ||
		!strings.Contains(states.ModelVersionStatus[0].Status.ErrorMessage, "varint") {
		t.Errorf("status of a broken version: %v %v", states, err)
	}
}

// TestReload sends configurations that agree with what is served and those that do not.
func TestReload(t *testing.T) {
	c, ctx := dial(t)
	list := func(change func(map[string]*tf.ModelConfig)) *tf.ModelServerConfig {
		all := map[string]*tf.ModelConfig{}
		for _, name := range []string{"half_plus_two", "pair", "text", "scores", "chance", "named", "table", "open", "late"} {
			all[name] = &tf.ModelConfig{Name: name, BasePath: "/models/" + name, ModelPlatform: "tensorflow"}
		}
		change(all)
		l := &tf.ModelConfigList{}
		for _, m := range all {
			l.Config = append(l.Config, m)
		}
		return &tf.ModelServerConfig{Config: &tf.ModelServerConfig_ModelConfigList{ModelConfigList: l}}
	}
	specific := func(versions ...int64) *tf.FileSystemStoragePathSourceConfig_ServableVersionPolicy {
		return &tf.FileSystemStoragePathSourceConfig_ServableVersionPolicy{PolicyChoice: &tf.FileSystemStoragePathSourceConfig_ServableVersionPolicy_Specific_{
			Specific: &tf.FileSystemStoragePathSourceConfig_ServableVersionPolicy_Specific{Versions: versions}}}
	}
	for name, q := range map[string]struct {
		config *tf.ModelServerConfig
		text   string // "" where it is accepted
	}{
		"none":     {},
		"the same": {config: list(func(map[string]*tf.ModelConfig) {})},
		"versions": {config: list(func(m map[string]*tf.ModelConfig) { m["half_plus_two"].ModelVersionPolicy = specific(123, 122) })},
		"labels": {config: list(func(m map[string]*tf.ModelConfig) {
			m["half_plus_two"].VersionLabels = map[string]int64{"stable": 122, "canary": 123}
		})},
		"custom":        {config: &tf.ModelServerConfig{Config: &tf.ModelServerConfig_CustomModelConfig{CustomModelConfig: &anypb.Any{}}}, text: "custom_model_config"},
		"one more":      {config: list(func(m map[string]*tf.ModelConfig) { m["new"] = &tf.ModelConfig{Name: "new"} }), text: "model new is not served"},
		"twice":         {config: list(func(m map[string]*tf.ModelConfig) { m["again"] = m["pair"] }), text: "model pair is not served or listed twice"},
		"one less":      {config: list(func(m map[string]*tf.ModelConfig) { delete(m, "pair") }), text: "model pair is served and not listed"},
		"other version": {config: list(func(m map[string]*tf.ModelConfig) { m["half_plus_two"].ModelVersionPolicy = specific(123) }), text: "other versions"},
		"other labels":  {config: list(func(m map[string]*tf.ModelConfig) { m["half_plus_two"].VersionLabels = map[string]int64{"stable": 123} }), text: "other labels"},
	} {
		_, err := c.HandleReloadConfigRequest(ctx, &tf.ReloadConfigRequest{Config: q.config})
		if q.text == "" && err != nil || q.text != "" && (status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), q.text)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHT sends what no client should; the names are the ids of the hostile cases.
func TestHT(t *testing.T) {
	c, ctx := dial(t)
	f32 := tf.DataType_DT_FLOAT
	many := make([]*tf.Example, 200_000)
	for i := range many {
		many[i] = &tf.Example{}
	}
	for _, q := range []struct {
		name string
		call *tf.PredictRequest
		code codes.Code
		text string
	}{
		{"HT no model_spec", &tf.PredictRequest{}, codes.InvalidArgument, "Missing ModelSpec"},
		{"HT no name", request(&tf.ModelSpec{}, "x", floats(1)), codes.InvalidArgument, "no name"},
		{"HT unknown model", request(spec("absent"), "x", floats(1)), codes.NotFound, "Servable not found for request: Latest(absent)"},
		{"HT long name", request(spec(strings.Repeat("é", 9999)), "x", floats(1)), codes.NotFound, "é…)"},
		{"HT unknown version", request(version("half_plus_two", 7), "x", floats(1)), codes.NotFound, "Specific(half_plus_two, 7)"},
		{"HT negative version", request(version("half_plus_two", math.MinInt64), "x", floats(1)), codes.NotFound, "Specific(half_plus_two, -9223372036854775808)"},
		{"HT broken version", request(version("late", 2), "x", floats(1)), codes.NotFound, "Specific(late, 2)"},
		{"HT unknown label", request(label("half_plus_two", "none"), "x", floats(1)), codes.NotFound, "Unrecognized servable version label: none"},
		{"HT unknown signature", request(&tf.ModelSpec{Name: "half_plus_two", SignatureName: "other"}, "x", floats(1)), codes.InvalidArgument, `"other" not found in signature def`},
		{"HT no inputs", &tf.PredictRequest{ModelSpec: spec("half_plus_two")}, codes.InvalidArgument, "0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}."},
		{"HT wrong input", request(spec("half_plus_two"), "z", floats(1)), codes.InvalidArgument, "input tensor alias not found in signature: z. Inputs expected to be in the set {x}."},
		{"HT empty tensor", request(spec("half_plus_two"), "x", &tf.TensorProto{}), codes.InvalidArgument, "expected DT_FLOAT, found DT_INVALID"},
		{"HT wrong dtype", request(spec("half_plus_two"), "x", &tf.TensorProto{Dtype: tf.DataType_DT_DOUBLE, DoubleVal: []float64{1}}), codes.InvalidArgument, "expected DT_FLOAT, found DT_DOUBLE"},
		{"HT unknown dtype", request(spec("half_plus_two"), "x", &tf.TensorProto{Dtype: 99}), codes.InvalidArgument, "expected DT_FLOAT, found 99"},
		{"HT values of another dtype", request(spec("half_plus_two"), "x", &tf.TensorProto{Dtype: f32, TensorShape: shape(1, -1), IntVal: []int32{1}}), codes.InvalidArgument, "axis 1 has the size -1"},
		{"HT unknown rank", request(spec("half_plus_two"), "x", &tf.TensorProto{Dtype: f32, TensorShape: &tf.TensorShapeProto{UnknownRank: true}}), codes.InvalidArgument, "at most 8 axes"},
		{"HT nine axes", request(spec("half_plus_two"), "x", &tf.TensorProto{Dtype: f32, TensorShape: shape(1, 1, 1, 1, 1, 1, 1, 1, 1), FloatVal: []float32{1}}), codes.InvalidArgument, "at most 8 axes"},
		{"HT shape of 2^93 elements", request(spec("half_plus_two"), "x", &tf.TensorProto{Dtype: f32, TensorShape: shape(math.MaxInt32, math.MaxInt32, math.MaxInt32), FloatVal: []float32{1}}), codes.InvalidArgument, "too many elements"},
		{"HT axis of 2^63-1", request(spec("half_plus_two"), "x", &tf.TensorProto{Dtype: f32, TensorShape: shape(math.MaxInt64), FloatVal: []float32{1}}), codes.InvalidArgument, "axis 0 has the size 9223372036854775807"},
		{"HT 8 GiB of one value", request(spec("half_plus_two"), "x", &tf.TensorProto{Dtype: f32, TensorShape: shape(math.MaxInt32), FloatVal: []float32{1}}), codes.ResourceExhausted, "more than fit in 67108864 bytes"},
		{"HT 8 GiB of no value", request(spec("half_plus_two"), "x", &tf.TensorProto{Dtype: f32, TensorShape: shape(math.MaxInt32)}), codes.ResourceExhausted, "more than fit"},
		{"HT texts of no value", request(spec("text"), "words", &tf.TensorProto{Dtype: tf.DataType_DT_STRING, TensorShape: shape(100_000_000)}), codes.ResourceExhausted, "more than fit"},
		{"HT more values than elements", request(spec("half_plus_two"), "x", &tf.TensorProto{Dtype: f32, TensorShape: shape(1), FloatVal: []float32{1, 2}}), codes.InvalidArgument, "2 values for the 1 elements of shape [1]"},
		{"HT content too short", request(spec("half_plus_two"), "x", &tf.TensorProto{Dtype: f32, TensorShape: shape(2), TensorContent: make([]byte, 7)}), codes.InvalidArgument, "tensor_content of 7 bytes for the 2 elements"},
		{"HT content too long", request(spec("half_plus_two"), "x", &tf.TensorProto{Dtype: f32, TensorShape: shape(1), TensorContent: make([]byte, 8)}), codes.InvalidArgument, "tensor_content of 8 bytes for the 1 elements"},
		{"HT text longer than the content", request(spec("text"), "words", &tf.TensorProto{Dtype: tf.DataType_DT_STRING, TensorShape: shape(1), TensorContent: []byte("\xff\x01a")}), codes.InvalidArgument, "longer than the 1 bytes"},
		{"HT text without length", request(spec("text"), "words", &tf.TensorProto{Dtype: tf.DataType_DT_STRING, TensorShape: shape(2), TensorContent: []byte("\x80\x80")}), codes.InvalidArgument, "no length for element 0"},
		{"HT bytes behind the text", request(spec("text"), "words", &tf.TensorProto{Dtype: tf.DataType_DT_STRING, TensorShape: shape(1), TensorContent: []byte("\x01ab")}), codes.InvalidArgument, "1 bytes behind"},
		{"HT unknown output", &tf.PredictRequest{ModelSpec: spec("half_plus_two"), OutputFilter: []string{"z"}}, codes.InvalidArgument, "output tensor alias not found in signature: z Outputs expected to be in the set {y}."},
		{"HT output twice", &tf.PredictRequest{ModelSpec: spec("half_plus_two"), OutputFilter: []string{"y", "y"}}, codes.InvalidArgument, "duplicate output tensor alias: y"},
	} {
		if _, err := c.Predict(ctx, q.call); status.Code(err) != q.code || !strings.Contains(err.Error(), q.text) {
			t.Errorf("%s: %v", q.name, err)
		}
	}
	for _, q := range []struct {
		name, model string
		input       *tf.Input
		code        codes.Code
		text        string
	}{
		{"HT no input", "half_plus_two", nil, codes.InvalidArgument, "Input is empty."},
		{"HT no examples", "half_plus_two", withContext(example("x", floatList(1))), codes.InvalidArgument, "Input is empty."},
		{"HT no features", "half_plus_two", input(&tf.Example{}), codes.InvalidArgument, "Feature: x (data type: float32) is required"},
		{"HT feature without kind", "half_plus_two", input(example("x", &tf.Feature{})), codes.InvalidArgument, "is required"},
		{"HT too many values", "half_plus_two", input(example("x", floatList(1, 2))), codes.InvalidArgument, "Number of values != expected in example 0: 2, expected 1"},
		{"HT bytes for a number", "half_plus_two", input(example("x", &tf.Feature{Kind: &tf.Feature_BytesList{BytesList: &tf.BytesList{Value: [][]byte{{1}}}}})),
			codes.InvalidArgument, "Data types don't match"},
		{"HT more examples than rows", "half_plus_two", input(many...), codes.ResourceExhausted, "200000 rows in one request"},
		{"HT classes asked for", "scores", input(example("x", floatList(1, 2, 3))), codes.InvalidArgument, "Was: tensorflow/serving/classify"},
		{"HT outputs asked for", "pair", input(example("a", floatList(1, 2))), codes.InvalidArgument, "Was: tensorflow/serving/predict"},
	} {
		if _, err := c.Regress(ctx, &tf.RegressionRequest{ModelSpec: spec(q.model), Input: q.input}); status.Code(err) != q.code || !strings.Contains(err.Error(), q.text) {
			t.Errorf("%s: %v", q.name, err)
		}
	}
	task := func(s *tf.ModelSpec, method string) *tf.InferenceTask {
		return &tf.InferenceTask{ModelSpec: s, MethodName: method}
	}
	const classify, regress = "tensorflow/serving/classify", "tensorflow/serving/regress"
	for _, q := range []struct {
		name  string
		tasks []*tf.InferenceTask
		code  codes.Code
		text  string
	}{
		{"HT no tasks", nil, codes.InvalidArgument, "tasks is empty"},
		{"HT task without model", []*tf.InferenceTask{{}}, codes.InvalidArgument, "empty model name"},
		{"HT two models", []*tf.InferenceTask{task(spec("scores"), classify), task(spec("pair"), classify)}, codes.InvalidArgument, "same model name"},
		{"HT two versions", []*tf.InferenceTask{task(version("half_plus_two", 122), regress), task(version("half_plus_two", 123), classify)}, codes.InvalidArgument, "same model version"},
		{"HT task twice", []*tf.InferenceTask{task(spec("scores"), classify), task(spec("scores"), classify)}, codes.InvalidArgument, "Duplicate evaluation"},
		{"HT task to predict", []*tf.InferenceTask{task(spec("scores"), "tensorflow/serving/predict")}, codes.Unimplemented, "Unsupported signature method_name"},
		{"HT task not meant", []*tf.InferenceTask{task(spec("scores"), regress)}, codes.InvalidArgument, "Expected regression signature"},
	} {
		_, err := c.MultiInference(ctx, &tf.MultiInferenceRequest{Tasks: q.tasks, Input: input(example("x", floatList(1, 2, 3)))})
		if status.Code(err) != q.code || !strings.Contains(err.Error(), q.text) {
			t.Errorf("%s: %v", q.name, err)
		}
	}
	for _, fields := range [][]string{nil, {"graph"}} {
		if _, err := c.GetModelMetadata(ctx, &tf.GetModelMetadataRequest{ModelSpec: spec("pair"), MetadataField: fields}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("HT metadata %v: %v", fields, err)
		}
	}
	for _, s := range []*tf.ModelSpec{spec("absent"), version("pair", 9), label("pair", "x")} {
		if _, err := c.GetModelStatus(ctx, &tf.GetModelStatusRequest{ModelSpec: s}); status.Code(err) != codes.NotFound {
			t.Errorf("HT status %v: %v", s, err)
		}
	}
}
