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
var states = map[server.State]string{server.Loading: "LOADING", server.Available: "READY", server.End: "UNAVAILABLE"}

// repositoryIndex lists the versions that are known (docs/protocol/extension_model_repository.md); with "ready": true
// in the request those that answer.
func repositoryIndex(r *server.Request) error {
	readyOnly, err := readyOnly(r)
	if err != nil {
		return err
	}
	index := []indexEntry{}
	for _, m := range r.Models().Models {
		for _, v := range m.Versions {
			if readyOnly && v.State != server.Available {
				continue
			}
			index = append(index, indexEntry{m.Name, strconv.FormatInt(v.Number, 10), states[v.State], v.Error})
		}
	}
	return replyJSON(r, index)
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
