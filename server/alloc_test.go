package server_test

import (
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/server"
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
		cfg.Keys, secret = storeWithKey(t, "predict")
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
