package server

import (
	"fmt"

	"github.com/hotpath/hotpath/server/registry"
)

// Source is a place that models come from. It is asked again and again what it has.
type Source interface {
	// Scan lists what is there now. An error means that it is not known, and what was loaded stays.
	Scan() ([]Offer, error)
}

// Offer is one version of a model at a source.
type Offer struct {
	Model   string
	Version int64
	// Fingerprint changes when the bytes do. It is cheap: size and times, or a digest that is known anyway.
	Fingerprint string
	// Settled says that the bytes cannot be half written. Others are believed when they load, or when the fingerprint
	// has stayed the same between two looks.
	Settled bool
	Labels  []string
	// Size is about how many bytes of weights it has, 0 if that is not known before it is read.
	Size int64
	// Read returns the bytes.
	Read func() ([]byte, error)
	// Warmup returns recorded inputs by name, an archive of arrays (.npz) each, to run before the version is served; nil
	// for none. It is called after Read.
	Warmup func() ([][]byte, error)
	// Settings is what is set for the model, the same in all its offers; nil for nothing.
	Settings *Settings
	// Problem is why this version cannot be offered, for one that is there but unusable.
	Problem error

	dir, file string // in a Dir, the directory of the version and the model in it
}

// Settings is what is set for one model beside its versions.
type Settings struct {
	Policy  Policy         // the zero value is the server's
	Split   map[string]int // weights of labels among the requests that name no version; nil for no split
	Aliases []string       // other names of the model
	MaxRows int            // rows of one request; 0 for the server's limit
	Notes   []string       // what was set and is ignored
}

// Embedded is a source of one model that is part of the program.
type Embedded struct {
	Name string
	Data []byte
}

// Scan offers the model as version 1.
func (e Embedded) Scan() ([]Offer, error) {
	return []Offer{{Model: e.Name, Version: 1, Fingerprint: "embedded", Settled: true,
		Read: func() ([]byte, error) { return e.Data, nil }}}, nil
}

// Fallback is one source while it has something, and another while it has nothing.
type Fallback struct{ First, Else Source }

// Scan asks the first source first.
func (f Fallback) Scan() ([]Offer, error) {
	if offers, err := f.First.Scan(); err != nil || len(offers) > 0 {
		return offers, err
	}
	return f.Else.Scan()
}

// Registry is the models of a registry directory.
type Registry struct {
	Store  *registry.Store
	Access registry.Access // to decrypt versions, and demand signatures of them
}

// Scan offers every version.
func (r Registry) Scan() ([]Offer, error) {
	models, err := r.Store.List()
	if err != nil {
		return nil, fmt.Errorf("scan registry: %w", err)
	}
	var offers []Offer
	for _, m := range models {
		labels := map[int64][]string{}
		for l, at := range m.Labels {
			labels[at] = append(labels[at], l)
		}
		settings := &Settings{Split: m.Split, Aliases: m.Aliases}
		if m.Policy != "" {
			if settings.Policy, err = ParsePolicy(m.Policy); err != nil {
				return nil, fmt.Errorf("scan registry: model %s: %w", m.Name, err)
			}
		}
		for _, v := range m.Versions {
			o := Offer{Model: m.Name, Version: v.Number, Fingerprint: v.Digest, Settled: true, Size: v.Size,
				Labels: labels[v.Number], Settings: settings}
			var warmup [][]byte // read with the model, since a signature is over both
			o.Read = func() (model []byte, err error) {
				model, warmup, err = r.Store.Read(m.Name, v, r.Access)
				return model, err
			}
			o.Warmup = func() ([][]byte, error) { return warmup, nil }
			offers = append(offers, o)
		}
	}
	return offers, nil
}
