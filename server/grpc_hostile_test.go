package server_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	gzipcodec "google.golang.org/grpc/encoding/gzip"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/kserve/inference"
	"github.com/hotpath/hotpath/server/registry"
)

// h2 is a client of HTTP/2 that sends what it is told, frame by frame.
type h2 struct {
	t testing.TB
	net.Conn
	r    *bufio.Reader
	done map[uint32]byte // the frame that ended each stream
	last []byte          // payload of the last frame that was read
}

// Frames, their flags, and what ends a connection (RFC 9113).
const (
	frameData, frameHeaders, frameReset, frameSettings, framePing, frameGoAway, frameContinuation = 0, 1, 3, 4, 6, 7, 9
	endStream, endHeaders                                                                         = 1, 4
)

func dialH2(t testing.TB, s *server.Server) *h2 {
	t.Helper()
	c, err := net.Dial("tcp", s.GRPCAddress())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	h := &h2{t: t, Conn: c, r: bufio.NewReader(c), done: map[uint32]byte{}}
	_, _ = io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	h.frame(frameSettings, 0, 0, nil)
	return h
}

// frame sends a frame; an error is one of a connection that the server has closed.
func (h *h2) frame(kind, flags byte, stream uint32, payload []byte) error {
	head := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(head[5:], stream)
	_, err := h.Write(append(head, payload...))
	return err
}

// headers are those of a call, as literals without an index (RFC 7541).
func headers(method string, more ...string) (block []byte) {
	list := append([]string{":method", "POST", ":scheme", "http", ":path", method, ":authority", "localhost",
		"content-type", "application/grpc", "te", "trailers"}, more...)
	for i := 0; i < len(list); i += 2 {
		block = append(block, 0, byte(len(list[i])))
		block = append(block, list[i]...)
		block = append(block, byte(len(list[i+1])))
		block = append(block, list[i+1]...)
	}
	return block
}

// ended reads frames until the server is done with a stream, or for stream 0 with the connection, and says with which
// frame, and the payload of the last one that was read.
func (h *h2) ended(stream uint32) (kind byte, payload []byte) {
	head := make([]byte, 9)
	for h.done[stream] == 0 {
		if _, err := io.ReadFull(h.r, head); err != nil {
			if t, ok := err.(net.Error); ok && t.Timeout() {
				h.t.Fatalf("the server is not done with stream %d", stream)
			}
			return frameGoAway, nil // without a word
		}
		h.last = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(h.r, h.last); err != nil {
			return frameGoAway, nil
		}
		of := binary.BigEndian.Uint32(head[5:])
		if head[3] == frameGoAway || head[3] == frameReset || head[3] == frameHeaders && head[4]&endStream != 0 {
			if h.done[of] == 0 {
				h.done[of] = head[3]
			}
		}
	}
	return h.done[stream], h.last
}

const (
	inferMethod   = "/inference.GRPCInferenceService/ModelInfer"
	predictMethod = "/tensorflow.serving.PredictionService/Predict"
)

// bodyBytes is what the server holds of messages.
func bodyBytes(t testing.TB, s *server.Server) int { return int(gauge(t, s, "hotpath_body_bytes")) }

// grpcMessage frames the bytes of a message as gRPC does.
func grpcMessage(length int, data []byte) []byte {
	head := make([]byte, 5)
	binary.BigEndian.PutUint32(head[1:], uint32(length))
	return append(head, data...)
}

// TestGRPCMessagesAreChargedAsTheyArrive: a message that is only claimed costs nothing; what has come of it is charged; one
// that does not come in time ends its call and gives everything back.
func TestGRPCMessagesAreChargedAsTheyArrive(t *testing.T) {
	s := start(t, func(c *server.Config) { c.GRPC, c.BodyTimeout, c.MaxBodyMemory = "127.0.0.1:0", time.Second, 4<<20 })
	h := dialH2(t, s)
	began := time.Now()
	for stream := uint32(1); stream < 100; stream += 2 { // 50 claims of 30 MiB, and 100 bytes of each
		if err := h.frame(frameHeaders, endHeaders, stream, headers(inferMethod)); err != nil {
			t.Fatal(err)
		}
		_ = h.frame(frameData, 0, stream, grpcMessage(30<<20, make([]byte, 100)))
	}
	eventually(t, "what has come is charged", func() bool { return bodyBytes(t, s) > 0 || time.Since(began) > time.Second })
	if n := bodyBytes(t, s); n > 4<<20 {
		t.Errorf("%d bytes are held for 50 messages of which 100 bytes each have come", n)
	}
	for stream := uint32(1); stream < 100; stream += 2 {
		if kind, _ := h.ended(stream); kind != frameHeaders {
			t.Fatalf("stream %d: ended by frame %d", stream, kind)
		}
	}
	eventually(t, "nothing is held after all", func() bool { return bodyBytes(t, s) == 0 })
	client := inference.NewGRPCInferenceServiceClient(dial(t, s))
	if _, err := client.ModelInfer(t.Context(), inferRequest("m", []int64{1, 3}, 1, 2, 3)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestGRPCBodyBudget bounds the memory of messages together, and refuses who has no credential before a message has come.
func TestGRPCBodyBudget(t *testing.T) {
	store, key := storeWithKey(t, registry.Predict)
	o := startBusyAs(t, key, func(c *server.Config) { c.GRPC, c.Keys, c.MaxBodyMemory = "127.0.0.1:0", store, 5<<20 })
	client := inference.NewGRPCInferenceServiceClient(dial(t, o.s))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-api-key", key)
	big := inferRequest("m", []int64{1, 3}, 1, 2, 3)
	big.Id = strings.Repeat("x", 2<<20)
	first := make(chan error, 1)
	go func() {
		_, err := client.ModelInfer(ctx, big)
		first <- err
	}()
	o.queue(1)
	if _, err := client.ModelInfer(ctx, big); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a second large message: %v", err)
	}
	stream, err := client.ModelStreamInfer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.Send(big)
	if _, err := stream.Recv(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a large message on a stream: %v", err)
	}
	o.release()
	if err := <-first; err != nil {
		t.Errorf("the first large message: %v", err)
	}
	eventually(t, "everything is given back", func() bool { return bodyBytes(t, o.s) == 0 })
	if _, err := client.ModelInfer(ctx, big); err != nil {
		t.Errorf("after the first one ended: %v", err)
	}
	if text, _ := o.s.Metrics(); !strings.Contains(string(text), `hotpath_failed_total{reason="body_memory"} 2`) {
		t.Error("not counted as such")
	}
	raw, err := dial(t, o.s).NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true}, inferMethod, grpc.ForceCodec(rawCodec{}))
	if err != nil {
		t.Fatal(err)
	}
	answer := []byte{}
	if err := raw.RecvMsg(&answer); status.Code(err) != codes.Unauthenticated { // though nothing was sent
		t.Errorf("without a credential: %v", err)
	}
}

// sendRaw calls a method with the bytes of a message.
func sendRaw(s *server.Server, method string, data []byte, conn *grpc.ClientConn, options ...grpc.CallOption) error {
	answer := []byte{}
	return conn.Invoke(context.Background(), method, &data, &answer, append(options, grpc.ForceCodec(rawCodec{}), grpc.MaxCallSendMsgSize(1<<30))...)
}

// field is a field of a message that holds bytes.
func field(number byte, data []byte) []byte {
	return append(binary.AppendUvarint([]byte{number<<3 | 2}, uint64(len(data))), data...)
}

// TestGRPCBombs sends small messages that would be large: each is refused before it is decoded.
func TestGRPCBombs(t *testing.T) {
	s := start(t, func(c *server.Config) { c.GRPC, c.MaxBodyMemory = "127.0.0.1:0", 64<<20 })
	conn := dial(t, s)
	zeros := bytes.Repeat([]byte{0}, 20<<20)
	for name, c := range map[string]struct {
		method string
		data   []byte
		code   codes.Code
		text   string
	}{
		"empty inputs":     {inferMethod, bytes.Repeat(field(5, nil), 2<<20), codes.ResourceExhausted, "once decoded"},
		"empty outputs":    {inferMethod, bytes.Repeat(field(6, nil), 2<<20), codes.ResourceExhausted, "once decoded"},
		"empty raw inputs": {inferMethod, bytes.Repeat(field(7, nil), 4<<20), codes.ResourceExhausted, "once decoded"},
		"empty parameters": {inferMethod, bytes.Repeat(field(4, nil), 2<<20), codes.ResourceExhausted, "once decoded"},
		"packed numbers":   {inferMethod, field(5, field(5, field(3, zeros))), codes.ResourceExhausted, "once decoded"},
		"empty strings":    {predictMethod, field(2, append(field(1, []byte("x")), field(2, bytes.Repeat(field(8, nil), 2<<20))...)), codes.ResourceExhausted, "once decoded"},
		"inputs":           {predictMethod, bytes.Repeat(field(2, nil), 2<<20), codes.ResourceExhausted, "once decoded"},
		"cut off":          {inferMethod, field(5, nil)[:1], codes.InvalidArgument, "not valid protobuf"},
		"HT04 not UTF-8":   {inferMethod, field(1, []byte("\xc0\xaf")), codes.InvalidArgument, "not valid protobuf"},
		"HT01 too large":   {inferMethod, make([]byte, 32<<20+1), codes.ResourceExhausted, "the limit is"},
		"public":           {"/grpc.health.v1.Health/Check", field(1, make([]byte, 64<<10)), codes.ResourceExhausted, "the limit is 65536"},
		"public of ours":   {"/inference.GRPCInferenceService/ServerLive", field(1, make([]byte, 64<<10)), codes.ResourceExhausted, "the limit is 65536"},
	} {
		before := residentMiB(t)
		err := sendRaw(s, c.method, c.data, conn)
		if status.Code(err) != c.code || !strings.Contains(status.Convert(err).Message(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
		if grown := residentMiB(t) - before; grown > 250 {
			t.Errorf("%s: %d MiB more", name, grown)
		}
	}
	if err := sendRaw(s, inferMethod, zeros, conn, grpc.UseCompressor(gzipcodec.Name)); status.Code(err) != codes.InvalidArgument {
		t.Errorf("20 MiB of zeros, compressed: %v", err)
	}
	if err := sendRaw(s, inferMethod, make([]byte, 40<<20), conn, grpc.UseCompressor(gzipcodec.Name)); status.Code(err) != codes.ResourceExhausted ||
		!strings.Contains(err.Error(), "once decompressed") {
		t.Errorf("40 MiB of zeros, compressed: %v", err)
	}
	client := inference.NewGRPCInferenceServiceClient(conn)
	if _, err := client.ModelInfer(t.Context(), inferRequest("m", []int64{1, 3}, 1, 2, 3), grpc.UseCompressor(gzipcodec.Name)); err != nil {
		t.Errorf("a good message, compressed: %v", err)
	}
	if n := bodyBytes(t, s); n != 0 {
		t.Errorf("%d bytes are held after all", n)
	}
}

// TestGRPCCompressionFlags has what grpc-encoding and the flag of a message say differ, or neither be true.
func TestGRPCCompressionFlags(t *testing.T) {
	s := start(t, func(c *server.Config) { c.GRPC = "127.0.0.1:0" })
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_ = w.Close()
	for name, c := range map[string]struct {
		encoding []string
		flag     byte
		data     []byte
		code     string
	}{
		"not compressed, though it may be": {[]string{"grpc-encoding", "gzip"}, 0, nil, "5"}, // no model
		"compressed":                       {[]string{"grpc-encoding", "gzip"}, 1, zipped.Bytes(), "5"},
		"flag alone":                       {nil, 1, zipped.Bytes(), "3"},
		"unknown flag":                     {nil, 7, nil, "3"},
		"not gzip":                         {[]string{"grpc-encoding", "gzip"}, 1, []byte("oops"), "3"},
		"unknown encoding":                 {[]string{"grpc-encoding", "zstd"}, 1, []byte("oops"), "12"},
	} {
		h := dialH2(t, s)
		_ = h.frame(frameHeaders, endHeaders, 1, headers(inferMethod, c.encoding...))
		m := grpcMessage(len(c.data), c.data)
		m[0] = c.flag
		_ = h.frame(frameData, endStream, 1, m)
		if kind, trailers := h.ended(1); kind != frameHeaders || !bytes.Contains(trailers, []byte(c.code)) {
			t.Errorf("%s: frame %d, %q", name, kind, trailers)
		}
	}
}

// TestGRPCFloods sends what has brought servers of HTTP/2 down: the connection is closed, or what it may have at once is
// bounded, and other clients are answered.
func TestGRPCFloods(t *testing.T) {
	s := start(t, func(c *server.Config) { c.GRPC, c.HeaderTimeout = "127.0.0.1:0", 2*time.Second })
	client := inference.NewGRPCInferenceServiceClient(dial(t, s))
	for name, flood := range map[string]func(h *h2) error{
		"continuation": func(h *h2) (err error) { // CVE-2024-27316: headers without an end
			err = h.frame(frameHeaders, 0, 1, headers(inferMethod))
			for i := 0; i < 10_000 && err == nil; i++ {
				err = h.frame(frameContinuation, 0, 1, headers(inferMethod)[7:])
			}
			return err
		},
		"ping": func(h *h2) (err error) {
			for i := 0; i < 100_000 && err == nil; i++ {
				err = h.frame(framePing, 0, 0, make([]byte, 8))
			}
			return err
		},
		"garbage": func(h *h2) error {
			_, err := h.Write(bytes.Repeat([]byte{0xff}, 1<<20))
			return err
		},
		"data of no stream": func(h *h2) error { return h.frame(frameData, 0, 0, []byte("x")) },
		"huge frame":        func(h *h2) error { return h.frame(frameData, 0, 1, make([]byte, 1<<20)) },
	} {
		h := dialH2(t, s)
		_ = flood(h)
		if kind, _ := h.ended(0); kind != frameGoAway {
			t.Errorf("%s: frame %d", name, kind)
		}
		if _, err := client.ModelInfer(t.Context(), inferRequest("m", []int64{1, 3}, 1, 2, 3)); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
	idle, err := net.Dial("tcp", s.GRPCAddress()) // says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	_ = idle.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.Copy(io.Discard, idle); err != nil && errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a connection without a handshake stays open: %v", err)
	}
}

// TestGRPCRapidReset opens calls and resets them at once (CVE-2023-44487): those whose handlers run are never more than a
// connection may have at once, however many were opened.
func TestGRPCRapidReset(t *testing.T) {
	o := startBusy(t, func(c *server.Config) { c.GRPC = "127.0.0.1:0" })
	h := dialH2(t, o.s)
	body := inferBytes(t)
	for i := range uint32(5000) {
		stream := 2*i + 1
		if h.frame(frameHeaders, endHeaders, stream, headers(inferMethod)) != nil ||
			h.frame(frameData, endStream, stream, grpcMessage(len(body), body)) != nil || h.frame(frameReset, 0, stream, make([]byte, 4)) != nil {
			break
		}
		if n := o.s.Waiting(); n > 128 {
			t.Fatalf("%d calls of one connection wait", n)
		}
	}
	h.Close()
	o.queue(0)
	o.release()
	o.want(o.first, 6)
	alive(t, o.s)
}

// TestGRPCConnections turns away connections beyond the limits, and takes new ones when old ones have gone.
func TestGRPCConnections(t *testing.T) {
	for name, change := range map[string]func(*server.Config){
		"of all": func(c *server.Config) { c.MaxConns = 5 }, "of one address": func(c *server.Config) { c.MaxConnsPerIP = 5 },
	} {
		s := start(t, func(c *server.Config) { c.GRPC = "127.0.0.1:0"; change(c) })
		var conns []net.Conn
		for range 5 {
			conns = append(conns, dialH2(t, s))
		}
		for _, c := range conns {
			if head := make([]byte, 9); must(io.ReadFull(c, head)) == nil && head[3] != frameSettings {
				t.Errorf("%s: frame %d", name, head[3])
			}
		}
		if kind, _ := dialH2(t, s).ended(0); kind != frameGoAway {
			t.Errorf("%s: one more is served", name)
		}
		for _, c := range conns {
			c.Close()
		}
		eventually(t, "there is room again", func() bool {
			conn, err := grpc.NewClient(s.GRPCAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, err = healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
			return err == nil
		})
	}
}

func must(_ int, err error) error { return err }

// TestGRPCStreamEndsWithItsKey: a key that is revoked while a stream is open is good for no further message.
func TestGRPCStreamEndsWithItsKey(t *testing.T) {
	store := registry.New(t.TempDir())
	key, k, err := store.CreateKey("streams", registry.Predict)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.CreateKey("stays", registry.Predict); err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *server.Config) { c.GRPC, c.Keys = "127.0.0.1:0", store })
	stream, err := inference.NewGRPCInferenceServiceClient(dial(t, s)).ModelStreamInfer(metadata.AppendToOutgoingContext(t.Context(), "x-api-key", key))
	if err != nil {
		t.Fatal(err)
	}
	ask := func() error {
		_ = stream.Send(inferRequest("m", []int64{1, 3}, 1, 2, 3))
		_, err := stream.Recv()
		return err
	}
	for range 3 {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Revoke(k.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the stream ends", func() bool { return status.Code(ask()) == codes.Unauthenticated })
}
