package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Policy says which versions of a model are kept ready, as TensorFlow Serving's version policies do. Versions with a
// label are, whatever it says.
type Policy struct {
	Latest   int     // that many of the newest ones that load
	All      bool    // all of them
	Specific []int64 // these
}

// latestOne is the policy of models that have none.
var latestOne = Policy{Latest: 1}

// ParsePolicy reads "latest", "latest:N", "all" or "specific:N,N…".
func ParsePolicy(text string) (p Policy, err error) {
	kind, arg, hasArg := strings.Cut(text, ":")
	switch {
	case text == "latest":
		return latestOne, nil
	case text == "all":
		return Policy{All: true}, nil
	case kind == "latest" && hasArg:
		p.Latest, err = strconv.Atoi(arg)
		if err == nil && p.Latest > 0 {
			return p, nil
		}
	case kind == "specific" && hasArg:
		for _, field := range strings.Split(arg, ",") {
			n, ok := versionNumber(field)
			if !ok || slices.Contains(p.Specific, n) {
				return Policy{}, badPolicy(text)
			}
			p.Specific = append(p.Specific, n)
		}
		return p, nil
	}
	return Policy{}, badPolicy(text)
}

// IsZero reports whether p says nothing.
func (p Policy) IsZero() bool { return !p.All && p.Latest == 0 && p.Specific == nil }

// UnmarshalText implements encoding.TextUnmarshaler: ParsePolicy.
func (p *Policy) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePolicy(string(text))
	return err
}

// MarshalText implements encoding.TextMarshaler: what UnmarshalText reads.
func (p Policy) MarshalText() ([]byte, error) {
	switch {
	case p.All:
		return []byte("all"), nil
	case p.Latest > 1:
		return fmt.Appendf(nil, "latest:%d", p.Latest), nil
	case p.Latest == 1:
		return []byte("latest"), nil
	}
	text := []byte("specific:")
	for i, n := range p.Specific {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, n, 10)
	}
	return text, nil
}

func badPolicy(text string) error {
	return fmt.Errorf("version policy %q: expected latest, latest:N, all or specific:N,N with versions from 1 that differ", text)
}

// choose marks the offers, newest first, that shall be ready. failed tells of versions that were tried and do not load:
// they do not count as one of the latest.
func (p Policy) choose(offers []Offer, failed func(Offer) bool) []Offer {
	var chosen []Offer
	latest := 0
	for _, o := range offers {
		wanted := p.All || len(o.Labels) > 0 || slices.Contains(p.Specific, o.Version)
		if latest < p.Latest {
			wanted = true
			if !failed(o) {
				latest++
			}
		}
		if wanted {
			chosen = append(chosen, o)
		}
	}
	return chosen
}
