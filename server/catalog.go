package server

import (
	"maps"
	"slices"
)

// Catalog is the models at one moment. It is immutable: a change makes a new one, and a request keeps the one it began
// with.
type Catalog struct {
	Models  []*Model // by name
	Default *Model   // answers where no name is given; nil if there is no model
	byName  map[string]*Model
	changed chan struct{} // closed when there is a newer one
}

// Model is what is known of one model.
type Model struct {
	Name    string
	Aliases []string // other names of it
	// Serving answers where no version is given: the version labelled stable, else the newest that loaded. It is nil
	// while none is in memory; Request.Pick brings it there.
	Serving  *Engine
	Labels   map[string]int64
	Versions []VersionStatus // newest first; only those that are loaded, wanted or broken
	// Off says that the model was taken out of memory by request and stays so until it is asked back.
	Off bool

	loaded map[int64]*Engine
	first  int64   // the version that answers by default, in memory or not; 0 for none
	split  []share // of the requests that name no version, by label; nil for no split
}

// State is the life of a version, in the words of TensorFlow Serving.
type State string

// The states.
const (
	Listed    State = "START" // offered, and loaded when a request asks for it
	Loading   State = "LOADING"
	Available State = "AVAILABLE"
	End       State = "END" // not to be loaded; Error says why
)

// VersionStatus is the state of one version.
type VersionStatus struct {
	Number   int64
	State    State
	Error    string
	Unsigned bool      // Error is about a signature
	Progress *Progress // of one that is being loaded, nil before it has begun
}

// stable is the label whose version is served by default.
const stable = "stable"

// defaultName is the model that is the default among several, if it is there: the embedded one.
const defaultName = "digits"

// Lookup finds a model by name or alias, or the default for "". Errors wrap ErrNotFound or ErrUnavailable.
func (c *Catalog) Lookup(name []byte) (*Model, error) {
	m := c.Default
	if len(name) > 0 {
		m = c.byName[string(name)]
	}
	switch {
	case m == nil && len(name) > 0:
		return nil, Fail(ErrNotFound, "there is no model with this name")
	case m == nil:
		return nil, Fail(ErrUnavailable, "no model is loaded")
	}
	return m, nil
}

// Engine is what answers for m by default if it is in memory; requests use Request.Pick. Errors wrap ErrUnavailable.
func (m *Model) Engine() (*Engine, error) {
	if m.Serving == nil {
		return nil, Fail(ErrUnavailable, "model %s: no version is loaded", m.Name)
	}
	return m.Serving, nil
}

// Version is the engine of a loaded version, nil if it is not loaded.
func (m *Model) Version(n int64) *Engine { return m.loaded[n] }

// Label is the engine that a label points to, nil if that is not loaded.
func (m *Model) Label(name string) *Engine { return m.loaded[m.Labels[name]] }

// Coming reports whether a version is on its way into memory, or can be brought there.
func (m *Model) Coming() bool {
	return slices.ContainsFunc(m.Versions, func(v VersionStatus) bool { return v.State == Listed || v.State == Loading })
}

// status finds a version that is known, nil if it is not.
func (m *Model) status(n int64) *VersionStatus {
	for i := range m.Versions {
		if m.Versions[i].Number == n {
			return &m.Versions[i]
		}
	}
	return nil
}

// newCatalog puts models together. An alias never hides a model.
func newCatalog(models map[string]*Model) *Catalog {
	c := &Catalog{byName: models, changed: make(chan struct{})}
	for _, name := range slices.Sorted(maps.Keys(models)) {
		c.Models = append(c.Models, models[name])
	}
	if len(c.Models) > 0 {
		c.Default = c.Models[0]
	}
	if m := models[defaultName]; m != nil {
		c.Default = m
	}
	for _, m := range c.Models {
		for _, a := range m.Aliases {
			if models[a] == nil {
				models[a] = m
			}
		}
	}
	return c
}

// unsigned counts the versions that are not served for want of a signature.
func (c *Catalog) unsigned() (n int) {
	for _, m := range c.Models {
		for _, v := range m.Versions {
			if v.Unsigned {
				n++
			}
		}
	}
	return n
}

// ready reports whether something can answer, at once or after it was loaded.
func (c *Catalog) ready() bool {
	for _, m := range c.Models {
		if m.Serving != nil || !m.Off && m.status(m.first) != nil && m.status(m.first).State == Listed {
			return true
		}
	}
	return false
}
