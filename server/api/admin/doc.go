package admin

import (
	"github.com/valyala/fasthttp"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
)

// changes are the statuses of changes that the registry refuses.
var changes = append([]int{fasthttp.StatusConflict, fasthttp.StatusRequestEntityTooLarge}, server.NamesModel...)

// What the routes take and answer.
var (
	publishDoc = server.Doc{Summary: "Publish a version: a model file, or parts model, warmup, signature and note", Query: map[string]string{"label": "a label to point to it"},
		Others: []string{"application/octet-stream", "multipart/form-data"}, Answer: server.SchemaOf(published{}), Errors: changes}
	deleteDoc = server.Doc{Summary: "Remove a model, or a version that no label points to", Errors: changes,
		Answer: answer(map[string]server.Schema{"name": server.Text(), "deleted": server.Whole(0), "all": server.Truth()})}
	labelDoc = server.Doc{Summary: "Point a label to a version", Answer: moveAnswer, Errors: changes,
		Body: member("version", server.Schema{"type": "integer", "minimum": 1, "maximum": 1<<53 - 1})}
	rollbackDoc = server.Doc{Summary: "Point a label back to where it was", Answer: moveAnswer, Errors: changes}
	moveAnswer  = answer(map[string]server.Schema{"name": server.Text(), "label": server.Text(), "version": server.Whole(1)})
	policyDoc   = server.Doc{Summary: "Which versions are kept ready: latest, latest:N, all, specific:N,N; empty for the server's", Errors: changes,
		Body:   server.Fixed(server.Object(map[string]server.Schema{"policy": {"type": "string", "pattern": policyPattern}})),
		Answer: answer(map[string]server.Schema{"name": server.Text(), "policy": server.Text()})}
	splitDoc = server.Doc{Summary: "Split requests between labels; {} for no split", Errors: changes,
		Body: server.Fixed(server.Object(map[string]server.Schema{"weights": weightsSchema})),
		Answer: answer(map[string]server.Schema{"name": server.Text(),
			"split": server.SchemaOf(map[string]int{})})}
	aliasDoc = server.Doc{Summary: "Make another name of a model", Errors: changes, Body: member("model", server.Text()),
		Answer: answer(map[string]server.Schema{"alias": server.Text(), "model": server.Text()})}
	deleteAliasDoc = server.Doc{Summary: "Remove another name of a model", Errors: changes,
		Answer: answer(map[string]server.Schema{"alias": server.Text(), "deleted": server.Truth()})}
	pruneDoc = server.Doc{Summary: "Remove files of the registry that nothing refers to", Errors: changes,
		Answer: answer(map[string]server.Schema{"removed": server.List(server.Text(), 0)})}
)

// policyPattern is what server.ParsePolicy reads, and nothing.
const policyPattern = "^(latest(:[1-9][0-9]{0,8})?|all|specific:[1-9][0-9]{0,17}(,[1-9][0-9]{0,17})*|)$"

// weightsSchema is what registry.Store.SetSplit takes: not all are 0.
var weightsSchema = server.Schema{"type": "object",
	"additionalProperties": server.Schema{"type": "integer", "minimum": 0, "maximum": registry.MaxWeight},
	"not":                  server.Schema{"minProperties": 1, "additionalProperties": server.Schema{"const": 0}}}

func order(summary string) server.Doc {
	return server.Doc{Summary: summary, Errors: server.NamesModel,
		Answer: answer(map[string]server.Schema{"name": server.Text(), "done": server.Truth()})}
}

// answer is an object that has all of the members.
func answer(members map[string]server.Schema) server.Schema {
	var names []string
	for name := range members {
		names = append(names, name)
	}
	return server.Object(members, names...)
}

// member is a body with one member.
func member(name string, of server.Schema) func(*graph.Signature) server.Schema {
	return server.Fixed(server.Object(map[string]server.Schema{name: of}, name))
}
