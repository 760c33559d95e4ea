package server_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/kserve/inference"
	"github.com/hotpath/hotpath/server/registry"
	"github.com/hotpath/hotpath/server/servertest"
)

// rawCodec sends and receives the bytes of messages.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte{}, data...)
	return nil
}
func (rawCodec) Name() string { return "proto" }

func dial(t testing.TB, s *server.Server, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	if len(options) == 0 {
		options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	}
	conn, err := grpc.NewClient(s.GRPCAddress(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// invoke calls a method with an empty message, as a stream that both may be, and returns the code of its end.
func invoke(conn *grpc.ClientConn, method string, md ...string) codes.Code {
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(context.Background(), md...), time.Minute)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method, grpc.ForceCodec(rawCodec{}))
	if err != nil {
		return status.Code(err)
	}
	empty := []byte{}
	_ = stream.SendMsg(&empty)
	_ = stream.CloseSend()
	for {
		var answer []byte
		if err := stream.RecvMsg(&answer); err != nil {
			return status.Code(err)
		}
		if strings.HasSuffix(method, "/Watch") { // has no end
			return codes.OK
		}
	}
}

// TestAU01EveryMethodNeedsACredential derives its calls from the table, which holds every method there is.
func TestAU01EveryMethodNeedsACredential(t *testing.T) {
	store, predictKey := storeWithKey(t, registry.Predict)
	adminKey, _, err := store.CreateKey("root", registry.Admin)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *server.Config) { c.Keys, c.GRPC = store, "127.0.0.1:0" })
	conn := dial(t, s)
	public := map[string]bool{"Check": true, "Watch": true, "List": true, "ServerLive": true, "ServerReady": true}
	if len(s.Methods()) < 15 {
		t.Fatalf("%d methods", len(s.Methods()))
	}
	for method, right := range s.Methods() {
		name := method[strings.LastIndexByte(method, '/')+1:]
		if public[name] != (right == server.Public) {
			t.Errorf("%s has right %d", method, right)
		}
		for _, md := range [][]string{nil, {"authorization", "Bearer wrong"}, {"authorization", "Bearer "}, {"x-api-key", "wrong"}, {"authorization", predictKey}} {
			if code := invoke(conn, method, md...); (code == codes.Unauthenticated) == public[name] {
				t.Errorf("%s with %q: %v", method, md, code)
			}
		}
		for _, md := range [][]string{{"x-api-key", predictKey}, {"authorization", "Bearer " + predictKey}, {"x-api-key", adminKey}} {
			want := right > server.Predict && md[1] != adminKey
			if code := invoke(conn, method, md...); code == codes.Unauthenticated || (code == codes.PermissionDenied) != want {
				t.Errorf("%s with %.12q: %v", method, md, code)
			}
		}
	}
	if code := invoke(conn, "/inference.GRPCInferenceService/Nothing", "x-api-key", adminKey); code != codes.Unimplemented {
		t.Errorf("an unknown method: %v", code)
	}
}

func inferRequest(model string, shape []int64, values ...float32) *inference.ModelInferRequest {
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return &inference.ModelInferRequest{ModelName: model, RawInputContents: [][]byte{raw},
		Inputs: []*inference.ModelInferRequest_InferInputTensor{{Name: "input", Datatype: "FP32", Shape: shape}}}
}

// TestGRPCRefusals sends what must be an error of the caller, and a model that panics, which must not tell why.
func TestGRPCRefusals(t *testing.T) {
	s := start(t, func(c *server.Config) {
		c.GRPC = "127.0.0.1:0"
		c.Sources = append(servertest.Source("m", servertest.Model(3, 1)), servertest.Source("p", []byte("panic"))...)
	})
	client := inference.NewGRPCInferenceServiceClient(dial(t, s))
	for name, c := range map[string]struct {
		request *inference.ModelInferRequest
		code    codes.Code
		text    string
	}{
		"good":                  {inferRequest("m", []int64{1, 3}, 1, 2, 3), codes.OK, ""},
		"no model":              {inferRequest("", []int64{1, 3}, 1, 2, 3), codes.NotFound, "unknown model"},
		"negative size":         {inferRequest("m", []int64{-1, 3}, 1, 2, 3), codes.InvalidArgument, "axis 0 has the size -1"},
		"HT overflow":           {inferRequest("m", []int64{1 << 30, 1 << 30, 1 << 30}, 1), codes.InvalidArgument, "too many elements"},
		"HT shape and bytes":    {inferRequest("m", []int64{1, 3}, 1, 2), codes.InvalidArgument, "got 8 bytes, expected 3 elements"},
		"HT rank":               {inferRequest("m", make([]int64, 40), 1), codes.InvalidArgument, "more than 16 axes"},
		"HT null entries":       {&inference.ModelInferRequest{ModelName: "m", Inputs: []*inference.ModelInferRequest_InferInputTensor{nil}}, codes.InvalidArgument, "unexpected inference input"},
		"no inputs":             {&inference.ModelInferRequest{ModelName: "m"}, codes.InvalidArgument, "expected 1 inputs but got 0"},
		"too many raw":          {&inference.ModelInferRequest{ModelName: "m", Inputs: inferRequest("m", []int64{1, 3}).Inputs, RawInputContents: [][]byte{nil, nil}}, codes.InvalidArgument, "found 2"},
		"no contents":           {&inference.ModelInferRequest{ModelName: "m", Inputs: inferRequest("m", []int64{1, 3}).Inputs}, codes.InvalidArgument, "got 0 elements, expected 3"},
		"a panic tells nothing": {inferRequest("p", []int64{1, 1}, 666), codes.Internal, "internal error, logged as"},
	} {
		_, err := client.ModelInfer(t.Context(), c.request)
		if status.Code(err) != c.code || !strings.Contains(status.Convert(err).Message(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(status.Convert(err).Message(), "passwd") {
			t.Errorf("%s tells what is inside: %v", name, err)
		}
	}
	big := inferRequest("m", []int64{1, 3}, 1, 2, 3)
	big.Id = strings.Repeat("x", 33<<20)
	if _, err := client.ModelInfer(t.Context(), big, grpc.MaxCallSendMsgSize(1<<30)); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("33 MiB: %v", err)
	}
	if _, err := client.ModelInfer(t.Context(), inferRequest("m", []int64{1, 3}, 1, 2, 3)); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

// TestGRPCOverTLS serves with the certificate of HTTP, and HTTP/2 alone.
func TestGRPCOverTLS(t *testing.T) {
	s := start(t, func(c *server.Config) { c.GRPC, c.TLS.SelfSignedDir = "127.0.0.1:0", t.TempDir() })
	client := inference.NewGRPCInferenceServiceClient(dial(t, s, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}))))
	answer, err := client.ModelInfer(t.Context(), inferRequest("m", []int64{1, 3}, 1, 2, 3))
	if err != nil || len(answer.RawOutputContents) != 1 {
		t.Fatal(answer, err)
	}
	plain := inference.NewGRPCInferenceServiceClient(dial(t, s))
	if _, err := plain.ServerLive(t.Context(), &inference.ServerLiveRequest{}); err == nil {
		t.Error("answered without TLS")
	}
}

// TestGRPCDrain finishes what runs and says first that nothing new should come.
func TestGRPCDrain(t *testing.T) {
	m := newHeld()
	m.on.Store(true)
	s, stop := servertest.StartStoppable(t, server.Config{APIs: apis, GRPC: "127.0.0.1:0",
		Sources: servertest.Source("m", nil), Load: func([]byte) (server.Runner, error) { return m, nil }})
	conn := dial(t, s)
	client := inference.NewGRPCInferenceServiceClient(conn)
	answered := make(chan error, 1)
	go func() {
		_, err := client.ModelInfer(context.Background(), inferRequest("m", []int64{1, 3}, 1, 2, 3))
		answered <- err
	}()
	eventually(t, "it runs", func() bool { return len(m.seen()) == 1 })
	watching, leave := context.WithCancel(context.Background())
	watch, err := healthpb.NewHealthClient(conn).Watch(watching, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	hear := func(want healthpb.HealthCheckResponse_ServingStatus) {
		for got := healthpb.HealthCheckResponse_UNKNOWN; got != want; {
			answer, err := watch.Recv()
			if err != nil {
				t.Fatal(err)
			}
			got = answer.Status
		}
	}
	hear(healthpb.HealthCheckResponse_SERVING)
	go func() { stopped <- stop() }()
	hear(healthpb.HealthCheckResponse_NOT_SERVING)
	leave()
	close(m.hold)
	if err := <-answered; err != nil {
		t.Errorf("a call that ran: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// inferBytes is a good request.
func inferBytes(t testing.TB) []byte {
	t.Helper()
	data, err := proto.Marshal(inferRequest("m", []int64{1, 3}, 1, 2, 3))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
