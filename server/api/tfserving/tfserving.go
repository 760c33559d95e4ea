// Package tfserving is the API of TensorFlow Serving, over REST and gRPC: predict, classify, regress, status and metadata,
// as its clients expect them. Where its documentation and its code differ, the code is followed
// (tensorflow_serving/util/json_tensor.cc and tensorflow_serving/model_servers/http_rest_api_util.cc).
package tfserving

import (
	"strconv"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/jsontensor"
	"github.com/hotpath/hotpath/server/api/tfserving/tensorflow"
)

// API is the wire format.
type API struct{}

// signatureName is the name of the one signature that a model has.
const signatureName = "serving_default"

// pin is a way to name a version in a path.
type pin struct {
	path string
	// find finds the model and, where it is in memory, the version.
	find func(*server.Request) (*server.Model, *server.Engine, error)
	// pick brings the version into memory where it is not there yet.
	pick func(*server.Request, *server.Model) (*server.Engine, error)
	all  bool // the status has the keys of other APIs beside its own
}

// Routes implements server.API. Paths are compared without regard to case, as TensorFlow Serving does. Its answer to
// /v1/models/NAME has the keys of OpenAI's and of KServe's version 1 beside its own, for their clients ask there too;
// below /tfs it has its own alone.
func (API) Routes() []server.Route {
	var routes []server.Route
	for _, prefix := range []string{"", "/tfs"} {
		base := prefix + "/v1/models/{model}"
		for _, pin := range []pin{
			{base, latest, (*server.Request).Pick, prefix == ""},
			{base + "/versions/{version}", byVersion, pickVersion, false},
			{base + "/labels/{label}", byLabel, pickLabel, false},
		} {
			routes = append(routes,
				server.Route{Method: "POST", Path: pin.path + ":predict", RPC: tensorflow.PredictionService_Predict_FullMethodName, Handle: predict(pin), Doc: predictDoc},
				server.Route{Method: "POST", Path: pin.path + ":classify", RPC: tensorflow.PredictionService_Classify_FullMethodName, Handle: examples(pin, classifyMethod), Doc: classifyDoc},
				server.Route{Method: "POST", Path: pin.path + ":regress", RPC: tensorflow.PredictionService_Regress_FullMethodName, Handle: examples(pin, regressMethod), Doc: regressDoc},
				server.Route{Method: "GET", Path: pin.path, RPC: tensorflow.ModelService_GetModelStatus_FullMethodName, Handle: status(pin), Doc: statusDoc},
				server.Route{Method: "GET", Path: pin.path + "/metadata", RPC: tensorflow.PredictionService_GetModelMetadata_FullMethodName, Handle: metadata(pin), Doc: metadataDoc})
		}
		for _, method := range []string{"GET", "POST"} { // whatever no route above matched
			routes = append(routes, server.Route{Method: method, Path: prefix + "/v1/models/{*}", Handle: malformed,
				Doc: server.Doc{Summary: "TensorFlow Serving: refuses every other path"}})
		}
	}
	for i := range routes {
		routes[i].Fold = true
	}
	return append(routes, server.Route{RPC: tensorflow.PredictionService_MultiInference_FullMethodName},
		server.Route{RPC: tensorflow.ModelService_HandleReloadConfigRequest_FullMethodName, Right: server.Admin})
}

// What the routes take and answer.
var (
	feature        = server.Schema{"type": "object"} // of features by name
	examplesSchema = server.Object(map[string]server.Schema{"signature_name": {"enum": []string{signatureName, ""}}, "context": feature,
		"examples": server.List(feature, 1)}, "examples")
	predictDoc = server.Doc{Summary: "TensorFlow Serving: answer rows or whole inputs", Errors: server.RunsModel,
		Body: func(s *graph.Signature) server.Schema {
			return server.OneKey(map[string]server.Schema{"instances": jsontensor.RowsSchema(s), "inputs": jsontensor.TensorsSchema(s)},
				map[string]server.Schema{"signature_name": {"enum": []string{signatureName, ""}}})
		},
		Answer: server.OneKey(map[string]server.Schema{"predictions": server.List(server.Values(), 1), "outputs": server.Values()}, nil)}
	classifyDoc = server.Doc{Summary: "TensorFlow Serving: classes of examples with their scores", Errors: server.RunsModel, Body: server.Fixed(examplesSchema),
		Answer: server.Object(map[string]server.Schema{"results": server.List(server.List(server.List(server.Values(), 2), 0), 1)}, "results")}
	regressDoc = server.Doc{Summary: "TensorFlow Serving: one number for each example", Errors: server.RunsModel, Body: server.Fixed(examplesSchema),
		Answer: server.Object(map[string]server.Schema{"results": server.List(server.Values(), 1)}, "results")}
	statusDoc   = server.Doc{Summary: "TensorFlow Serving: states of versions", Answer: server.SchemaOf(modelStatus{}), Errors: server.NamesModel}
	metadataDoc = server.Doc{Summary: "TensorFlow Serving: inputs and outputs", Answer: server.SchemaOf(modelMetadata{}), Errors: server.RunsModel}
)

// latest finds what serves by default.
func latest(r *server.Request) (*server.Model, *server.Engine, error) {
	name := r.Param(0)
	m := lookup(r.Models(), name)
	if m == nil {
		return nil, nil, server.Fail(server.ErrNotFound, "Servable not found for request: Latest(%s)", name)
	}
	return m, m.Serving, nil
}

// byVersion finds a version by number.
func byVersion(r *server.Request) (*server.Model, *server.Engine, error) {
	name, text := r.Param(0), r.Param(1)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || text[0] == '+' || text[0] == '-' {
		return nil, nil, malformed(r)
	}
	m := lookup(r.Models(), name)
	if m == nil {
		return nil, nil, server.Fail(server.ErrNotFound, "Servable not found for request: Specific(%s, %d)", name, n)
	}
	for _, v := range m.Versions {
		if v.Number == n {
			return m, m.Version(n), nil
		}
	}
	return nil, nil, server.Fail(server.ErrNotFound, "Servable not found for request: Specific(%s, %d)", name, n)
}

// byLabel finds the version that a label points to.
func byLabel(r *server.Request) (*server.Model, *server.Engine, error) {
	name, label := r.Param(0), r.Param(1)
	if m := lookup(r.Models(), name); m != nil {
		if _, ok := m.Labels[label]; ok {
			return m, m.Label(label), nil
		}
	}
	return nil, nil, server.Fail(server.ErrNotFound, "Unrecognized servable version label: %s", label)
}

// ready finds what a request asks for and brings it into memory if it can be had.
func (p pin) ready(r *server.Request) (*server.Engine, error) {
	m, e, err := p.find(r)
	if err != nil {
		return nil, err
	}
	if e == nil && !m.Coming() {
		return nil, notLoaded(r, m)
	}
	return p.pick(r, m)
}

func pickVersion(r *server.Request, m *server.Model) (*server.Engine, error) {
	n, err := strconv.ParseInt(r.Param(1), 10, 64)
	if err != nil {
		return nil, malformed(r)
	}
	return r.Server().PickVersion(m, n)
}

func pickLabel(r *server.Request, m *server.Model) (*server.Engine, error) {
	return r.Server().PickLabel(m, r.Param(1))
}

// notLoaded is the answer where a version is known and none answers for it.
func notLoaded(r *server.Request, m *server.Model) error {
	if version := r.Param(1); version != "" {
		return server.Fail(server.ErrNotFound, "Servable not found for request: Specific(%s, %s)", m.Name, version)
	}
	return server.Fail(server.ErrNotFound, "Servable not found for request: Latest(%s)", m.Name)
}

// lookup finds a model by name, nil if there is none.
func lookup(c *server.Catalog, name string) *server.Model {
	if name == "" {
		return nil
	}
	m, err := c.Lookup([]byte(name))
	if err != nil {
		return nil
	}
	return m
}

// malformed is the answer to a path that is none of the API's.
func malformed(r *server.Request) error {
	return server.Fail(server.ErrRequest, "Malformed request: %s %s", r.Method(), r.Path())
}
