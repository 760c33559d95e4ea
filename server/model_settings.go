package server

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hotpath/hotpath/server/registry"
)

// ModelSettings is what is set in the server for one model beside its scheduling. Zero values mean what comes with the model,
// or else what holds for all. What is set in a registry while the server runs (Settings.Managed) counts more than this, or
// `hotpath models label` would say that it has moved a label which stays; what comes with a model as a file counts less.
type ModelSettings struct {
	Policy  Policy           // which versions are kept ready
	Lazy    *bool            // Config.Lazy
	MaxRows int              // rows of one request
	Labels  map[string]int64 // versions by label
	Split   map[string]int   // weights of labels among the requests that name no version
	Aliases []string         // other names of the model
}

// Check proves that what is set can be. That versions and labels exist is not demanded: they may come.
func (m ModelSettings) Check() error {
	for _, label := range slices.Sorted(maps.Keys(m.Labels)) {
		if err := registry.CheckName(label); err != nil {
			return fmt.Errorf("label %w", err)
		}
		if m.Labels[label] < 1 {
			return fmt.Errorf("label %s: version %d, expected one from 1", label, m.Labels[label])
		}
	}
	for _, alias := range m.Aliases {
		if err := registry.CheckName(alias); err != nil {
			return fmt.Errorf("alias %w", err)
		}
	}
	return registry.CheckSplit(m.Split)
}

func (c *Config) checkModels() error {
	for _, name := range slices.Sorted(maps.Keys(c.Models)) {
		if err := c.Models[name].Check(); err != nil {
			return fmt.Errorf("model %s: %w", name, err)
		}
	}
	return nil
}

// apply puts m into the offers of its model, newest first, which are the caller's.
func (m ModelSettings) apply(offers []Offer) []Offer {
	var s Settings
	if from := offers[0].Settings; from != nil {
		s = *from
	}
	if !m.Policy.IsZero() && !(s.Managed && !s.Policy.IsZero()) {
		s.Policy = m.Policy
	}
	if m.Split != nil && !(s.Managed && s.Split != nil) {
		s.Split = m.Split
	}
	if m.MaxRows > 0 {
		s.MaxRows = m.MaxRows
	}
	for _, alias := range m.Aliases {
		if !slices.Contains(s.Aliases, alias) {
			s.Aliases = append(slices.Clip(s.Aliases), alias)
		}
	}
	taken := map[string]bool{}
	for _, o := range offers {
		for _, label := range o.Labels {
			taken[label] = true
		}
	}
	for i := range offers {
		o := &offers[i]
		o.Settings = &s
		for _, label := range slices.Sorted(maps.Keys(m.Labels)) {
			if m.Labels[label] == o.Version && !taken[label] {
				o.Labels = append(slices.Clip(o.Labels), label)
			}
		}
	}
	return offers
}

// lazy reports whether a model is loaded only when a request asks for it.
func (w *watcher) lazy(model string) bool {
	c := w.srv.live.Load()
	if own := c.Models[model].Lazy; own != nil {
		return *own
	}
	return c.Lazy
}
