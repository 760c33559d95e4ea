package admin

import (
	"maps"
	"slices"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
)

type (
	listing struct {
		Models []*listedModel `json:"models"`
	}
	listedModel struct {
		Name     string           `json:"name"`
		Serving  int64            `json:"serving,omitempty"` // the version that answers by default, if it is in memory
		Labels   map[string]int64 `json:"labels"`
		Aliases  []string         `json:"aliases,omitempty"`
		Policy   string           `json:"policy,omitempty"`
		Split    map[string]int   `json:"split,omitempty"`
		Next     int64            `json:"next,omitempty"` // number of the version that will be published next; absent for a model from elsewhere
		Versions []listedVersion  `json:"versions"`       // newest first
	}
	listedVersion struct {
		Version int64 `json:"version"`
		// State is that of the server, absent for a version that no policy or label asks for; Error says why a version is
		// not served.
		State string `json:"state,omitempty"`
		Error string `json:"error,omitempty"`
		// Published is what the registry has of it, absent for a version from elsewhere.
		Published *registry.Version `json:"published,omitempty"`
	}
)

// list shows what the registry has and what the server makes of it, with models from elsewhere.
func (a API) list(r *server.Request) error {
	var stored []registry.Model
	if a.Store != nil {
		var err error
		if stored, err = a.Store.List(); err != nil {
			return explain(err)
		}
	}
	models := map[string]*listedModel{}
	at := func(name string) *listedModel {
		if models[name] == nil {
			models[name] = &listedModel{Name: name, Labels: map[string]int64{}, Versions: []listedVersion{}}
		}
		return models[name]
	}
	for _, m := range stored {
		if !r.Sees(m.Name) {
			continue
		}
		l := at(m.Name)
		l.Labels, l.Aliases, l.Policy, l.Split, l.Next = m.Labels, m.Aliases, m.Policy, m.Split, m.Next
		for i := range m.Versions {
			l.Versions = append(l.Versions, listedVersion{Version: m.Versions[i].Number, Published: &m.Versions[i]})
		}
	}
	for _, m := range r.Models().Models {
		l := at(m.Name)
		if m.Serving != nil {
			l.Serving = m.Serving.Version
		}
		for _, v := range m.Versions {
			i := slices.IndexFunc(l.Versions, func(have listedVersion) bool { return have.Version == v.Number })
			if i < 0 {
				l.Versions, i = append(l.Versions, listedVersion{Version: v.Number}), len(l.Versions)
			}
			l.Versions[i].State, l.Versions[i].Error = string(v.State), v.Error
		}
	}
	answer := listing{Models: []*listedModel{}}
	for _, name := range slices.Sorted(maps.Keys(models)) {
		slices.SortFunc(models[name].Versions, func(a, b listedVersion) int { return int(min(1, max(-1, b.Version-a.Version))) })
		answer.Models = append(answer.Models, models[name])
	}
	return reply(r, answer)
}
