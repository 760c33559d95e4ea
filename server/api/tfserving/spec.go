package tfserving

import (
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/tfserving/tensorflow"
)

// checkSpec refuses a model_spec that names no model. Errors wrap graph.ErrInput.
func checkSpec(spec *tensorflow.ModelSpec) error {
	switch {
	case spec == nil:
		return server.Fail(graph.ErrInput, "Missing ModelSpec")
	case spec.Name == "":
		return server.Fail(graph.ErrInput, "ModelSpec has no name specified.")
	}
	return nil
}

// pick finds what a model_spec names and brings it into memory. Errors wrap graph.ErrInput, server.ErrNotFound,
// server.ErrUnavailable or server.ErrBusy.
func (s *service) pick(ctx context.Context, spec *tensorflow.ModelSpec) (*server.Engine, error) {
	if err := checkSpec(spec); err != nil {
		return nil, err
	}
	if name := spec.SignatureName; name != "" && name != signatureName {
		return nil, server.Fail(graph.ErrInput, "Serving signature name: %q not found in signature def", quoted(name))
	}
	m := lookup(s.srv.ModelsFor(server.CallerOf(ctx)), spec.Name)
	n, pinned, err := versionOf(m, spec)
	switch {
	case err != nil:
		return nil, err
	case m == nil, !pinned && m.Serving == nil && !m.Coming():
		return nil, server.Fail(server.ErrNotFound, "Servable not found for request: Latest(%s)", quoted(spec.Name))
	case pinned && m.Version(n) == nil && !m.Coming():
		return nil, server.Fail(server.ErrNotFound, "Servable not found for request: Specific(%s, %d)", quoted(spec.Name), n)
	case pinned:
		return s.srv.PickVersion(m, n)
	}
	return s.srv.Pick(m, server.CallerKeyOf(ctx))
}

// versionOf is the version that a model_spec names by number or label. Errors wrap server.ErrNotFound.
func versionOf(m *server.Model, spec *tensorflow.ModelSpec) (n int64, pinned bool, err error) {
	switch choice := spec.GetVersionChoice().(type) {
	case *tensorflow.ModelSpec_Version:
		n = choice.Version.GetValue()
		if m == nil || !slices.ContainsFunc(m.Versions, func(v server.VersionStatus) bool { return v.Number == n }) {
			err = server.Fail(server.ErrNotFound, "Servable not found for request: Specific(%s, %d)", quoted(spec.Name), n)
		}
		return n, true, err
	case *tensorflow.ModelSpec_VersionLabel:
		if m != nil {
			if n, ok := m.Labels[choice.VersionLabel]; ok {
				return n, true, nil
			}
		}
		return 0, true, server.Fail(server.ErrNotFound, "Unrecognized servable version label: %s", quoted(choice.VersionLabel))
	}
	return 0, false, nil
}

// specOf tells what answered.
func specOf(e *server.Engine) *tensorflow.ModelSpec {
	return &tensorflow.ModelSpec{Name: e.Name, SignatureName: signatureName,
		VersionChoice: &tensorflow.ModelSpec_Version{Version: wrapperspb.Int64(e.Version)}}
}

// quoted cuts text of the client in errors. Protobuf has seen to it that it is UTF-8.
func quoted(text string) string {
	const most = 200
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
