package server_test

import (
	"strconv"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/kserve"
	"github.com/hotpath/hotpath/server/registry"
	"github.com/hotpath/hotpath/server/servertest"
)

// TestPredictAllocatesNothing runs the whole handler on a request context that is used again: routing, checks, keys,
// admission, decoding, the model, encoding, metrics.
func TestPredictAllocatesNothing(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector makes pools allocate")
	}
	for name, withKeys := range map[string]bool{"open": false, "with keys": true} {
		t.Run(name, func(t *testing.T) {
			handle, ctx := predictRequest(t, withKeys)
			if withKeys {
				ctx.Request.Header.Set("X-Request-Timeout", "2.5s")
				ctx.Request.Header.Set("Priority", "i, u=4")
			}
			if n := testing.AllocsPerRun(1000, func() {
				ctx.Response.Reset()
				handle(ctx)
			}); n != 0 {
				t.Errorf("%v allocations per request", n)
			}
			if ctx.Response.StatusCode() != 200 || string(ctx.Response.Body()) != "{\"prediction\": [4.6,1.5e+07]}\n" {
				t.Errorf("%d %s", ctx.Response.StatusCode(), ctx.Response.Body())
			}
		})
	}
}

func BenchmarkPredict(b *testing.B) {
	handle, ctx := predictRequest(b, false)
	b.ReportAllocs()
	for b.Loop() {
		ctx.Response.Reset()
		handle(ctx)
	}
}

func predictRequest(t testing.TB, withKeys bool) (fasthttp.RequestHandler, *fasthttp.RequestCtx) {
	cfg := server.Config{APIs: apis, Sources: servertest.Source("m", servertest.Model(3, 1)), HTTP: "127.0.0.1:0", Load: servertest.Load}
	secret := ""
	if withKeys {
		cfg.Keys = registry.New(t.TempDir())
		secret = limited(t, cfg.Keys, registry.Limits{Rate: 1e6, Concurrent: 100, Quota: 1e9})
	}
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	ctx := &fasthttp.RequestCtx{}
	ctx.Init(&fasthttp.Request{}, nil, nil)
	ctx.Request.Header.SetMethod("POST")
	ctx.Request.SetRequestURI("/predict")
	ctx.Request.Header.SetHost("localhost")
	if withKeys {
		ctx.Request.Header.Set("Authorization", "Bearer "+secret)
	}
	ctx.Request.SetBody([]byte(`{"input_data": [[1.1, 2.25e0, 1.25], [ 10000000,5000000 , 0.0]]}`))
	return s.Handler(), ctx
}

// TestInferAllocatesNothing is the same for the Open Inference Protocol, with tensors as JSON and as bytes.
func TestInferAllocatesNothing(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector makes pools allocate")
	}
	s, err := server.New(server.Config{APIs: []server.API{kserve.API{}}, Sources: servertest.Source("m", servertest.Model(2, 1)), HTTP: "127.0.0.1:0", Load: servertest.Load})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	handle := s.Handler()
	for name, c := range map[string]struct{ json, tensors string }{
		"JSON":   {`{"id":"1","inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","data":[1,2]}]}`, ""},
		"binary": {`{"inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}],"parameters":{"binary_data_output":true}}`, "\x00\x00\x80?\x00\x00\x00@"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := &fasthttp.RequestCtx{}
			ctx.Init(&fasthttp.Request{}, nil, nil)
			ctx.Request.Header.SetMethod("POST")
			ctx.Request.SetRequestURI("/v2/models/m/infer")
			ctx.Request.Header.SetHost("localhost")
			if c.tensors != "" {
				ctx.Request.Header.Set("Inference-Header-Content-Length", strconv.Itoa(len(c.json)))
			}
			ctx.Request.SetBody([]byte(c.json + c.tensors))
			if n := testing.AllocsPerRun(1000, func() {
				ctx.Response.Reset()
				handle(ctx)
			}); n != 0 {
				t.Errorf("%v allocations per request", n)
			}
			if ctx.Response.StatusCode() != 200 {
				t.Errorf("%d %s", ctx.Response.StatusCode(), ctx.Response.Body())
			}
		})
	}
}
