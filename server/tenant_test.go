package server_test

import (
	"bytes"
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/admin"
	"github.com/hotpath/hotpath/server/registry"
	"github.com/hotpath/hotpath/server/servertest"
)

// Models of tenants, and a name that none has; of one length, so that answers can be compared.
const (
	ours, theirs, nobodys = "tenant-ours", "tenant-them", "tenant-none"
)

// startTenants serves two models and returns keys for the first one alone.
func startTenants(t testing.TB) (s *server.Server, store *registry.Store, predictKey, adminKey string) {
	t.Helper()
	store = registry.New(t.TempDir())
	key := func(scope registry.Scope) string {
		secret, _, err := store.AddKey(registry.Key{Scope: scope, Models: []string{ours}})
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	predictKey, adminKey = key(registry.Predict), key(registry.Admin)
	s = start(t, func(c *server.Config) {
		c.Keys, c.Admin, c.GRPC = store, "127.0.0.1:0", "127.0.0.1:0"
		c.APIs = append(append([]server.API{}, apis...), admin.API{Store: store})
		c.Sources = append(servertest.Source(ours, servertest.Model(3, 1)), servertest.Source(theirs, servertest.Model(3, 2))...)
	})
	return s, store, predictKey, adminKey
}

// bodies that name a model, of every route that has the name there.
func bodiesNaming(model string) []string {
	return []string{goodBody, `{}`, `{"model": "` + model + `", "input": "x"}`, `{"model": "` + model + `"}`, `{"version": 1}`, `{"model": "` + ours + `", "input": [1]}`}
}

// TestAU04TenantsOverHTTP derives its requests from the routing table: to a key for one model, another tenant's model and
// one that does not exist are the same, and nothing that is listed names it.
func TestAU04TenantsOverHTTP(t *testing.T) {
	s, _, predictKey, adminKey := startTenants(t)
	unstable := regexp.MustCompile(`"(uptime|rate|p50|in_flight)[^,]*`)
	for _, r := range s.Routes() {
		base := s.URL()
		if r.Place == server.OnAdmin || r.Place == server.OnMonitor {
			base = s.AdminURL()
		}
		ask := func(model, body, key string) (int, string) {
			path := strings.NewReplacer("{model}", model, "{name}", model, "{alias}", model, "{version}", "1", "{label}", "stable", "{*}", model).Replace(r.Path)
			code, answer, h := call(t, r.Method, base+path+"?model="+model, body, "X-API-Key", key, "Content-Type", "application/json")
			if m := h.Get("X-Hotpath-Model"); strings.HasPrefix(m, theirs) {
				t.Errorf("%s %s: answered by %s", r.Method, r.Path, m)
			}
			return code, answer
		}
		for _, key := range []string{predictKey, adminKey} {
			for i := range bodiesNaming("") {
				code, answer := ask(theirs, bodiesNaming(theirs)[i], key)
				code0, answer0 := ask(nobodys, bodiesNaming(nobodys)[i], key)
				answer0 = strings.ReplaceAll(answer0, nobodys, theirs)
				answer, answer0 = unstable.ReplaceAllString(answer, ""), unstable.ReplaceAllString(answer0, "")
				if r.Path != "/ui/stats" && (code != code0 || answer != answer0) {
					t.Errorf("%s %s %.8s: another's model: %d %s, none: %d %s", r.Method, r.Path, key, code, answer, code0, answer0)
				}
				if _, answer := ask(nobodys, bodiesNaming(nobodys)[i], key); strings.Contains(answer, theirs) {
					t.Errorf("%s %s names another's model: %s", r.Method, r.Path, answer)
				}
			}
		}
	}
	for _, c := range []struct {
		method, path, body, key string
		code                    int
	}{
		{"POST", "/predict", goodBody, predictKey, 200}, // the default is its own
		{"POST", "/predict?model=" + ours, goodBody, predictKey, 200},
		{"POST", "/predict?model=" + theirs, goodBody, predictKey, 404},
		{"GET", "/v2/models/" + ours, "", predictKey, 200},
		{"POST", "/v1/models/" + ours + ":predict", `{"instances": [[1,2,3]]}`, predictKey, 200},
		{"POST", "/admin/models/" + ours + "/load", "", predictKey, 403},
		{"POST", "/admin/models/" + ours + "/load", "", adminKey, 200},
		{"POST", "/v2/repository/models/" + ours + "/load", "", adminKey, 200},
		{"POST", "/admin/models/" + theirs + "/unload", "", adminKey, 404},
		{"PUT", "/admin/aliases/" + ours, `{"model": "` + theirs + `"}`, adminKey, 403},
	} {
		if code, answer, _ := call(t, c.method, s.URL()+c.path, c.body, "X-API-Key", c.key); code != c.code {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, code, answer, c.code)
		}
	}
	if code, _, _ := call(t, "GET", s.AdminURL()+"/metrics", "", "X-API-Key", adminKey); code != http.StatusForbidden {
		t.Errorf("metrics of all models: %d", code)
	}
	for _, path := range []string{"/v1/models", "/openai/v1/models", "/ui/models", "/admin/models"} {
		if _, answer, _ := call(t, "GET", s.URL()+path, "", "X-API-Key", adminKey); !strings.Contains(answer, ours) {
			t.Errorf("%s does not list its own model: %s", path, answer)
		}
	}
}

// naming fills every text of a message, at any depth, with a model's name.
func naming(m protoreflect.Message, name string, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case f.IsMap():
		case f.Kind() == protoreflect.StringKind && f.IsList():
			m.Mutable(f).List().Append(protoreflect.ValueOfString(name))
		case f.Kind() == protoreflect.StringKind && strings.HasSuffix(string(f.Name()), "name"):
			m.Set(f, protoreflect.ValueOfString(name))
		case f.Kind() == protoreflect.MessageKind && depth < 4 && f.IsList():
			v := m.Mutable(f).List().NewElement()
			naming(v.Message(), name, depth+1)
			m.Mutable(f).List().Append(v)
		case f.Kind() == protoreflect.MessageKind && depth < 4:
			naming(m.Mutable(f).Message(), name, depth+1)
		}
	}
}

// message calls a method with bytes and returns all that comes back.
func message(conn *grpc.ClientConn, method string, request []byte, key string) (answers []byte, code codes.Code, text string) {
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(context.Background(), "x-api-key", key), time.Minute)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method, grpc.ForceCodec(rawCodec{}))
	if err == nil {
		_ = stream.SendMsg(&request)
		_ = stream.CloseSend()
	}
	for err == nil {
		var answer []byte
		if err = stream.RecvMsg(&answer); err == nil {
			answers = append(answers, answer...)
		}
	}
	return answers, status.Code(err), status.Convert(err).Message()
}

// TestAU04TenantsOverGRPC derives its calls from the table and the descriptors of the messages.
func TestAU04TenantsOverGRPC(t *testing.T) {
	s, _, predictKey, adminKey := startTenants(t)
	conn := dial(t, s)
	tried := 0
	for method := range s.Methods() {
		if strings.HasPrefix(method, "/grpc.") {
			continue // health and reflection know of no models
		}
		service, name, _ := strings.Cut(method[1:], "/")
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
		if err != nil {
			t.Fatal(err)
		}
		input := d.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(name)).Input()
		for _, key := range []string{predictKey, adminKey} {
			ask := func(model string) ([]byte, codes.Code, string) {
				m := dynamicpb.NewMessage(input)
				if model != "" {
					naming(m, model, 0)
				}
				request, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				return message(conn, method, request, key)
			}
			answer, code, text := ask(theirs)
			answer0, code0, text0 := ask(nobodys)
			if code != code0 || text != strings.ReplaceAll(text0, nobodys, theirs) ||
				!bytes.Equal(answer, bytes.ReplaceAll(answer0, []byte(nobodys), []byte(theirs))) {
				t.Errorf("%s %.8s: another's model: %v %q %q, none: %v %q %q", method, key, code, text, answer, code0, text0, answer0)
			}
			if answer, _, text := ask(""); bytes.Contains(answer, []byte(theirs)) || strings.Contains(text, theirs) {
				t.Errorf("%s names another's model: %q %s", method, answer, text)
			}
			tried++
		}
	}
	if tried < 20 {
		t.Errorf("%d calls", tried)
	}
	index, _, _ := message(conn, "/inference.GRPCInferenceService/RepositoryIndex", nil, predictKey)
	if !bytes.Contains(index, []byte(ours)) {
		t.Errorf("the index has not its own model: %q", index)
	}
}

// TestKeyLife ends a key at its time, and lets the secret before a rotation be valid for the grace alone.
func TestKeyLife(t *testing.T) {
	store, _ := storeWithKey(t, registry.Predict)
	first, k, err := store.CreateKey("rotated", registry.Predict)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *server.Config) { c.Keys = store })
	works := func(key string) bool {
		code, _, _ := call(t, "POST", s.URL()+"/predict", goodBody, "X-API-Key", key)
		return code == 200
	}
	if !works(first) {
		t.Fatal("a new key is refused")
	}
	short := ""
	for life, worked := time.Second, false; !worked; life *= 2 { // one that lasts until it is seen to work
		expires := time.Now().Add(life).Truncate(time.Millisecond)
		if short, _, err = store.AddKey(registry.Key{Scope: registry.Predict, Expires: expires}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a key that will expire is valid", func() bool {
			worked = works(short)
			return worked || !time.Now().Before(expires)
		})
	}
	second, _, err := store.Rotate(k.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new secret is valid beside the old one", func() bool { return works(second) && works(first) })
	third, _, err := store.Rotate(k.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "only the newest secret is valid", func() bool { return works(third) && !works(second) && !works(first) })
	eventually(t, "an expired key is refused", func() bool { return !works(short) })
}
