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
}

// Model is what is known of one model.
type Model struct {
	Name string
	// Serving answers where no version is given: the version labelled stable, else the newest that loaded. It is nil
	// while none has.
	Serving  *Engine
	Labels   map[string]int64
	Versions []VersionStatus // newest first; only those that are loaded, wanted or broken
	loaded   map[int64]*Engine
}

// State is the life of a version, in the words of TensorFlow Serving.
type State string

// The states.
const (
	Loading   State = "LOADING"
	Available State = "AVAILABLE"
	End       State = "END" // could not be loaded; Error says why
)

// VersionStatus is the state of one version.
type VersionStatus struct {
	Number int64
	State  State
	Error  string
}

// stable is the label whose version is served by default.
const stable = "stable"

// defaultName is the model that is the default among several, if it is there: the embedded one.
const defaultName = "digits"

// Lookup finds a model by name, or the default for "". Errors wrap ErrNotFound or ErrUnavailable.
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

// Engine is what answers for m by default. Errors wrap ErrUnavailable.
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

// newCatalog puts models together.
func newCatalog(models map[string]*Model) *Catalog {
	c := &Catalog{byName: models}
	for _, name := range slices.Sorted(maps.Keys(models)) {
		c.Models = append(c.Models, models[name])
	}
	if len(c.Models) > 0 {
		c.Default = c.Models[0]
	}
	if m := models[defaultName]; m != nil {
		c.Default = m
	}
	return c
}

// ready reports whether something can answer.
func (c *Catalog) ready() bool {
	for _, m := range c.Models {
		if m.Serving != nil {
			return true
		}
	}
	return false
}
