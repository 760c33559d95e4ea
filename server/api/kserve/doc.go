package kserve

import (
	"github.com/valyala/fasthttp"

	"github.com/hotpath/hotpath/server"
)

// parameters are values that extensions of the protocol add.
var parameters = server.OpenObject(map[string]server.Schema{
	"binary_data_output": server.Truth(), "timeout": server.Whole(0), "priority": server.Whole(0)})

// What the routes take and answer.
var (
	serverDoc = server.Doc{Summary: "KServe: name and extensions of the server", Answer: server.SchemaOf(serverDescription{})}
	liveDoc   = server.Doc{Summary: "KServe: whether the process answers", Answer: flag("live")}
	readyDoc  = server.Doc{Summary: "KServe: whether requests should be sent here", Answer: flag("ready"), Errors: []int{fasthttp.StatusServiceUnavailable}}
	indexDoc  = server.Doc{Summary: "KServe: versions and their states", Optional: true, Answer: server.List(server.SchemaOf(indexEntry{}), 0),
		Body: server.Fixed(server.OpenObject(map[string]server.Schema{"ready": server.Truth()}))}
	orderDoc = server.Doc{Summary: "KServe: a model into or out of memory", Optional: true, Errors: server.NamesModel,
		Body: server.Fixed(server.OpenObject(nil)), Media: []string{"text/plain"}}
	traceDoc = server.Doc{Summary: "Triton: tracing, which is off",
		Answer: server.Object(map[string]server.Schema{"trace_level": server.List(server.Text(), 1)}, "trace_level")}
	memoryDoc = server.Doc{Summary: "Triton: shared memory, of which there is none", Answer: server.List(server.Values(), 0)}
	modelDoc  = server.Doc{Summary: "KServe: inputs and outputs of a model", Answer: server.SchemaOf(description{}), Errors: server.RunsModel}
	statsDoc  = server.Doc{Summary: "Triton: requests, runs and their times", Errors: server.NamesModel,
		Answer: server.Object(map[string]server.Schema{"model_stats": server.List(server.SchemaOf(modelStats{}), 0)}, "model_stats")}
	configDoc     = server.Doc{Summary: "Triton: configuration of a model", Answer: server.SchemaOf(config{}), Errors: server.RunsModel}
	modelReadyDoc = server.Doc{Summary: "KServe: whether a model answers", Errors: server.NamesModel,
		Answer: server.Object(map[string]server.Schema{"name": server.Text(), "ready": server.Truth()}, "name", "ready")}
	inferDoc = server.Doc{Summary: "KServe: answer tensors, as JSON or as bytes behind it", Errors: server.RunsModel,
		Headers: map[string]string{headerLength: "bytes of JSON before the binary tensors"},
		Body: server.Fixed(server.OpenObject(map[string]server.Schema{
			"id": server.Text(), "parameters": parameters,
			"inputs": server.List(server.OpenObject(map[string]server.Schema{
				"name": server.Text(), "datatype": datatypeNames(), "shape": server.List(server.Whole(0), 0), "data": server.List(server.Values(), 0),
				"parameters": server.OpenObject(map[string]server.Schema{"binary_data_size": server.Whole(0)}),
			}, "name", "datatype", "shape"), 1),
			"outputs": server.List(server.OpenObject(map[string]server.Schema{"name": server.Text(), "parameters": server.OpenObject(
				map[string]server.Schema{"binary_data": server.Truth(), "classification": server.Whole(0)})}, "name"), 0),
		}, "inputs")),
		Others: []string{"application/octet-stream"},
		Answer: server.OpenObject(map[string]server.Schema{
			"model_name": server.Text(), "model_version": server.Text(), "id": server.Text(),
			"outputs": server.List(server.OpenObject(map[string]server.Schema{
				"name": server.Text(), "datatype": datatypeNames(), "shape": server.List(server.Whole(0), 0), "data": server.List(server.Values(), 0),
			}, "name", "datatype", "shape"), 0),
		}, "model_name", "model_version", "outputs"),
		Media: []string{"application/octet-stream"},
	}
)

func flag(name string) server.Schema {
	return server.Object(map[string]server.Schema{name: server.Truth()}, name)
}

func datatypeNames() server.Schema {
	var names []string
	for _, t := range datatypes {
		names = append(names, t.name)
	}
	return server.Schema{"enum": names}
}
