// Package kserve is the Open Inference Protocol, version 2, over HTTP and gRPC, with the extensions that its clients use:
// binary tensors, classification, statistics, model configuration and the model repository. Where the specification
// and Triton differ, its clients (tritonclient) decide.
//
//	github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md
//	github.com/triton-inference-server/server, docs/protocol/extension_*.md
package kserve

import (
	"strconv"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/kserve/inference"
)

// API is the wire format.
type API struct{}

// Routes implements server.API.
func (API) Routes() []server.Route {
	rpc := "/" + inference.GRPCInferenceService_ServiceDesc.ServiceName + "/"
	routes := []server.Route{
		{Method: "GET", Path: "/v2", RPC: rpc + "ServerMetadata", Handle: serverMetadata, Doc: serverDoc},
		{Method: "GET", Path: "/v2/health/live", RPC: rpc + "ServerLive", Right: server.Public, Handle: live, Doc: liveDoc},
		{Method: "GET", Path: "/v2/health/ready", RPC: rpc + "ServerReady", Right: server.Public, Handle: ready, Doc: readyDoc},
		{Method: "GET", Path: "/v2/models/stats", RPC: rpc + "ModelStatistics", Handle: statistics, Doc: statsDoc},
		{Method: "POST", Path: "/v2/repository/index", RPC: rpc + "RepositoryIndex", Handle: repositoryIndex, Doc: indexDoc},
		{Method: "POST", Path: "/v2/repository/models/{model}/load", RPC: rpc + "RepositoryModelLoad", Right: server.Admin, Place: server.Everywhere, Scoped: true, Handle: repositoryLoad, Doc: orderDoc},
		{Method: "POST", Path: "/v2/repository/models/{model}/unload", RPC: rpc + "RepositoryModelUnload", Right: server.Admin, Place: server.Everywhere, Scoped: true, Handle: repositoryUnload, Doc: orderDoc},
		{Method: "GET", Path: "/v2/trace/setting", RPC: rpc + "TraceSetting", Handle: constant(`{"trace_level": ["OFF"]}`), Doc: traceDoc},
		{Method: "GET", Path: "/v2/systemsharedmemory/status", RPC: rpc + "SystemSharedMemoryStatus", Handle: constant(`[]`), Doc: memoryDoc},
		{Method: "GET", Path: "/v2/cudasharedmemory/status", RPC: rpc + "CudaSharedMemoryStatus", Handle: constant(`[]`), Doc: memoryDoc},
		{RPC: rpc + "ModelStreamInfer"},
	}
	for _, base := range []string{"/v2/models/{model}", "/v2/models/{model}/versions/{version}"} {
		routes = append(routes,
			server.Route{Method: "GET", Path: base, RPC: rpc + "ModelMetadata", Handle: modelMetadata, Doc: modelDoc},
			server.Route{Method: "GET", Path: base + "/ready", RPC: rpc + "ModelReady", Handle: modelReady, Doc: modelReadyDoc},
			server.Route{Method: "GET", Path: base + "/config", RPC: rpc + "ModelConfig", Handle: modelConfig, Doc: configDoc},
			server.Route{Method: "GET", Path: base + "/stats", RPC: rpc + "ModelStatistics", Handle: statistics, Doc: statsDoc},
			server.Route{Method: "POST", Path: base + "/infer", RPC: rpc + "ModelInfer", Handle: infer, Doc: inferDoc})
	}
	return routes
}

// pick is find, and brings what is not in memory there if it can be had.
func pick(r *server.Request) (*server.Model, *server.Engine, error) {
	return pickFrom(r.Server(), r.Models(), r.ParamBytes(0), r.Param(1), r.CallerKey())
}

// pickFrom is pick for a caller that key places where requests are split.
func pickFrom(srv *server.Server, c *server.Catalog, name []byte, version string, key []byte) (*server.Model, *server.Engine, error) {
	m, e, err := lookup(c, name, version)
	switch {
	case m == nil || e == nil && !m.Coming() || e != nil && version != "":
	case version == "":
		e, err = srv.Pick(m, key)
	default:
		e, err = srv.PickNamed(m, version)
	}
	return m, e, err
}

// find is the model and, where it is in memory, the version that a path names.
func find(r *server.Request) (*server.Model, *server.Engine, error) {
	return lookup(r.Models(), r.ParamBytes(0), r.Param(1))
}

// lookup finds a model and one of its versions: a number, as in Triton, a label, or "" for the one that serves. Errors
// wrap server.ErrNotFound or server.ErrUnavailable.
func lookup(c *server.Catalog, name []byte, version string) (*server.Model, *server.Engine, error) {
	m, err := c.Lookup(name)
	if err != nil || len(name) == 0 {
		return nil, nil, server.Fail(server.ErrNotFound, "Request for unknown model: '%s' is not found", name)
	}
	e := m.Serving
	if version != "" {
		if e = m.Label(version); e == nil {
			if n, err := strconv.ParseInt(version, 10, 64); err == nil {
				e = m.Version(n)
			}
		}
	}
	switch {
	case e == nil && version != "":
		return m, nil, server.Fail(server.ErrNotFound, "Request for unknown model: '%s' version %s is not at ready state", name, version)
	case e == nil:
		return m, nil, server.Fail(server.ErrUnavailable, "Request for unknown model: '%s' has no available versions", name)
	}
	return m, e, nil
}

// constant answers with what never changes here.
func constant(text string) func(*server.Request) error {
	return func(r *server.Request) error {
		r.ReplyJSON([]byte(text))
		return nil
	}
}
