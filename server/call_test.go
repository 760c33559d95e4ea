package server_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
)

// infer runs the row 1 2 3 as a protocol beside HTTP would.
func infer(ctx context.Context, s *server.Server, who *server.Identity) (sum float32, err error) {
	call := s.Call(ctx, who)
	defer func() { call.End(err) }()
	m, err := s.Models().Lookup(nil)
	if err != nil {
		return 0, err
	}
	e, err := m.Engine()
	if err != nil {
		return 0, err
	}
	session, err := call.Begin(e)
	if err != nil {
		return 0, err
	}
	session.Inputs[0].Resize(1, 3)
	copy(tensor.Data[float32](session.Inputs[0]), []float32{1, 2, 3})
	if err := call.Run(session); err != nil {
		return 0, err
	}
	return tensor.Data[float32](session.Outputs[0])[0], nil
}

// TestCallWithoutHTTP answers and counts a call of another protocol, whose caller is found by its key.
func TestCallWithoutHTTP(t *testing.T) {
	store, key := storeWithKey(t, registry.Predict)
	s := start(t, func(c *server.Config) { c.Keys = store })
	for secret, want := range map[string]string{"": "needed", "wrong": "not valid"} {
		if _, err := s.Identify([]byte(secret)); !errors.Is(err, server.ErrUnauthorized) || !strings.Contains(err.Error(), want) {
			t.Errorf("secret %q: %v", secret, err)
		}
	}
	who, err := s.Identify([]byte(key))
	if err != nil || who == nil || !who.Allows(server.Predict) || who.Allows(server.Admin) {
		t.Fatalf("%+v %v", who, err)
	}
	if sum, err := infer(t.Context(), s, who); err != nil || sum != 6 {
		t.Errorf("%v %v", sum, err)
	}
	text, err := s.Metrics()
	if err != nil || !strings.Contains(string(text), `hotpath_requests_total{model="m",version="1"} 1`) {
		t.Errorf("not counted: %v", err)
	}
}
