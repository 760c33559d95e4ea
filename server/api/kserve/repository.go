package kserve

import (
	"strconv"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/jsontensor"
)

// indexEntry is one version of a model in the repository index.
type indexEntry struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	State   string `json:"state"`
	Reason  string `json:"reason"`
}

// states are the protocol's words for the life of a version.
var states = map[server.State]string{server.Listed: "UNAVAILABLE", server.Loading: "LOADING", server.Available: "READY", server.End: "UNAVAILABLE"}

// repositoryIndex lists the versions that are known (docs/protocol/extension_model_repository.md); with "ready": true
// in the request those that answer.
func repositoryIndex(r *server.Request) error {
	readyOnly, err := readyOnly(r)
	if err != nil {
		return err
	}
	return r.ReplyValue(index(r.Models(), readyOnly))
}

// index lists the versions of c.
func index(c *server.Catalog, readyOnly bool) []indexEntry {
	list := []indexEntry{}
	for _, m := range c.Models {
		for _, v := range m.Versions {
			if readyOnly && v.State != server.Available {
				continue
			}
			list = append(list, indexEntry{m.Name, strconv.FormatInt(v.Number, 10), states[v.State], v.Error})
		}
	}
	return list
}

// readyOnly reads the request of repositoryIndex, which may be empty.
func readyOnly(r *server.Request) (ready bool, err error) {
	body, err := r.Body()
	if err != nil || len(body) == 0 {
		return false, err
	}
	err = members(body, func(d *jsontensor.Decoder, key []byte) (err error) {
		if string(key) != "ready" {
			return d.Skip(maxDepth)
		}
		ready, err = d.Bool()
		return err
	})
	return ready, err
}

// members reads a body that is one object.
func members(body []byte, f func(d *jsontensor.Decoder, key []byte) error) error {
	var d jsontensor.Decoder
	d.Reset(body, jsontensor.Options{})
	if err := d.Members(func(key []byte) error { return f(&d, key) }); err != nil {
		return err
	}
	return d.End()
}

// repositoryLoad brings a model into memory and answers when it is there.
func repositoryLoad(r *server.Request) error { return repositoryOrder(r, r.Server().LoadModel) }

// repositoryUnload takes it out until it is loaded again.
func repositoryUnload(r *server.Request) error { return repositoryOrder(r, r.Server().UnloadModel) }

// repositoryOrder reads the parameters, all of which are about other kinds of repositories, and gives the order.
func repositoryOrder(r *server.Request, order func(string) error) error {
	body, err := r.Body()
	if err != nil {
		return err
	}
	if len(body) > 0 {
		if err := members(body, func(d *jsontensor.Decoder, _ []byte) error { return d.Skip(maxDepth) }); err != nil {
			return err
		}
	}
	if err := order(r.Param(0)); err != nil {
		return err
	}
	r.Reply("text/plain", nil)
	return nil
}
