package server

import "slices"

// view is the part of a catalogue that a key for some models sees.
type view struct {
	of, part *Catalog
}

// Sees reports whether a model is among those that the caller's key is for. nil, and a key for all models, see all.
func (i *Identity) Sees(model string) bool {
	if i == nil || len(i.models) == 0 {
		return true
	}
	_, found := slices.BinarySearch(i.models, model)
	return found
}

// ModelsFor is the catalogue as a caller sees it at this moment: to a key for some models there are no others.
func (s *Server) ModelsFor(who *Identity) *Catalog {
	c := s.catalog.Load()
	if who == nil || len(who.models) == 0 {
		return c
	}
	if v := who.seen.Load(); v != nil && v.of == c {
		return v.part
	}
	part := c.only(who)
	who.seen.Store(&view{c, part})
	return part
}

// only is c with the models that a caller sees. Of several, the first by name answers where none is given, unless the
// default of c is among them.
func (c *Catalog) only(who *Identity) *Catalog {
	part := &Catalog{byName: map[string]*Model{}, changed: c.changed}
	for _, m := range c.Models {
		if !who.Sees(m.Name) {
			continue
		}
		part.Models = append(part.Models, m)
		if m == c.Default || part.Default == nil {
			part.Default = m
		}
	}
	for name, m := range c.byName {
		if who.Sees(m.Name) {
			part.byName[name] = m
		}
	}
	return part
}

// errNoModel is the answer to a name that the caller sees no model under.
func errNoModel() error { return Fail(ErrNotFound, "there is no model with this name") }

// within keeps an admin key that is for some models away from the others, and from what is of no one model.
func (r *Request) within(route *Route, who *Identity) error {
	switch {
	case who == nil || len(who.models) == 0:
		return nil
	case !route.Scoped:
		return Fail(ErrForbidden, "this needs an admin key that is for all models")
	case len(r.params[0]) == 0:
		return nil
	}
	name := r.Param(0)
	if m := r.srv.catalog.Load().byName[name]; !who.Sees(name) || m != nil && !who.Sees(m.Name) { // an alias
		return errNoModel()
	}
	return nil
}

// Sees reports whether the caller's key is for a model of this name.
func (r *Request) Sees(model string) bool { return r.call.who.Sees(model) }
