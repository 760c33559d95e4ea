package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/server/registry"
)

// TestEveryRouteIsDocumented: the table says of every route what it takes and answers, and the verb prints them all.
func TestEveryRouteIsDocumented(t *testing.T) {
	var out bytes.Buffer
	if code := run([]string{"openapi"}, &out, &out); code != 0 {
		t.Fatal(out.String())
	}
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string
			Responses   map[string]any
		}
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, api := range (&serveCmd{}).apis(openStore(t.TempDir()), registry.Access{}) {
		for _, r := range api.Routes() {
			switch {
			case r.Path == "": // of gRPC alone
			case r.Doc.Summary == "":
				t.Errorf("%s %s: no Doc", r.Method, r.Path)
			case !strings.HasSuffix(r.Path, "{*}"):
				op, ok := doc.Paths[r.Path][strings.ToLower(r.Method)]
				if !ok || ids[op.OperationID] || op.Responses["200"] == nil {
					t.Errorf("%s %s: %+v", r.Method, r.Path, op)
				}
				ids[op.OperationID] = true
			}
			if (r.Method == "GET" || r.Method == "DELETE") && (r.Doc.Body != nil || r.Doc.Others != nil) {
				t.Errorf("%s %s: a body", r.Method, r.Path)
			}
			if r.Error != nil && r.Doc.Error == nil {
				t.Errorf("%s %s: the form of its errors is not said", r.Method, r.Path)
			}
		}
	}
	for _, own := range []string{"/healthz", "/readyz", "/metrics", "/openapi.json"} {
		if doc.Paths[own]["get"].Responses["200"] == nil {
			t.Errorf("%s is missing", own)
		}
	}
}
