package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/hotpath/hotpath/internal/build"
	"github.com/hotpath/hotpath/server"
)

// observeFlags are what is told of requests beside metrics.
type observeFlags struct {
	LogLevel   string        `help:"debug, info, warn or error." default:"info" enum:"debug,info,warn,error" live:""`
	LogFormat  string        `help:"text or json, one line per entry." default:"text" enum:"text,json" live:""`
	AccessLog  bool          `help:"Log every request with status, times, model and the name of its key; never its values." live:""`
	Slow       time.Duration `help:"Keep the newest 128 requests that took as long, with times and shapes, at /debug/slow of --admin (default: none)." placeholder:"TIME" live:""`
	OTLP       string        `help:"Send a trace of every request to an OpenTelemetry collector, http://HOST:4318 (OTLP over HTTP)." name:"otlp" placeholder:"URL" live:""`
	OTLPSample float64       `help:"Part of the requests that are traced, of those without a traceparent that decides it." name:"otlp-sample" default:"1" placeholder:"0..1" live:"" zero:""`
}

// observe sets whom the server tells of requests, and returns what must be called when it has stopped.
func (f *observeFlags) observe(cfg *server.Config) (finish func(), err error) {
	if f.OTLPSample > 1 {
		return nil, fmt.Errorf("--otlp-sample %v: expected 0 to 1: %w", f.OTLPSample, errUsage)
	}
	if f.OTLP == "" {
		return func() {}, nil
	}
	u, err := url.Parse(f.OTLP)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("--otlp %q: expected a URL such as http://localhost:4318: %w", f.OTLP, errUsage)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces"
	}
	t, err := newTracer(u.String(), f.OTLPSample)
	if err != nil {
		return nil, err
	}
	cfg.Observe = t.observe
	return t.finish, nil
}

// spanIDs gives a span the ids that an event names, so that other spans could name it before it was made.
type spanIDs struct{}

// namedSpan is the key of those in a context.
type namedSpan struct{}

// NewIDs implements sdk.IDGenerator.
func (spanIDs) NewIDs(ctx context.Context) (t trace.TraceID, s trace.SpanID) {
	if named, ok := ctx.Value(namedSpan{}).(*server.Span); ok {
		return named.Trace, named.ID
	}
	binary.NativeEndian.PutUint64(t[:], rand.Uint64())
	binary.NativeEndian.PutUint64(t[8:], rand.Uint64()|1)
	return t, spanIDs{}.NewSpanID(ctx, t)
}

// NewSpanID implements sdk.IDGenerator.
func (spanIDs) NewSpanID(ctx context.Context, _ trace.TraceID) (s trace.SpanID) {
	if named, ok := ctx.Value(namedSpan{}).(*server.Span); ok {
		return named.ID
	}
	binary.NativeEndian.PutUint64(s[:], rand.Uint64()|1)
	return s
}

// tracer turns events into spans after the fact: the request itself does nothing for its trace.
type tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	sampler  sdk.Sampler
}

func newTracer(endpoint string, part float64) (*tracer, error) {
	exporter, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(endpoint))
	if err != nil {
		return nil, fmt.Errorf("--otlp: %w", err)
	}
	about := resource.NewSchemaless(attribute.String("service.name", "hotpath"), attribute.String("service.version", build.Version()))
	sampler := sdk.ParentBased(sdk.TraceIDRatioBased(part))
	// What the collector does not take in time is dropped: requests never wait for it.
	p := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about), sdk.WithSampler(sampler), sdk.WithIDGenerator(spanIDs{}))
	return &tracer{p, p.Tracer("github.com/hotpath/hotpath/server"), sampler}, nil
}

// finish sends what is left.
func (t *tracer) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = t.provider.Shutdown(ctx)
}

// observe makes a span of a request and one of each of its stages. The names of attributes are those of OpenTelemetry's
// semantic conventions where it has any.
func (t *tracer) observe(e *server.Event) {
	ctx := parentOf(e.Traceparent)
	if e.Span != nil {
		ctx = context.WithValue(ctx, namedSpan{}, e.Span)
	}
	name := e.Path
	if e.Model != "" {
		name = "infer " + e.Model
	} else if e.Protocol == "http" || e.Reason == "unsupported" {
		name = cmp.Or(e.Method, "unknown method") // a path may hold anything
	}
	_, span := t.tracer.Start(ctx, name, trace.WithTimestamp(e.Began), trace.WithSpanKind(trace.SpanKindServer))
	end := e.Began.Add(e.Duration)
	if span.IsRecording() {
		span.SetAttributes(attribute.String("url.path", e.Path), attribute.Int("http.response.status_code", e.Status),
			attribute.String("client.address", e.Client))
		if e.Method != "" {
			span.SetAttributes(attribute.String("http.request.method", e.Method))
		}
		if e.Model != "" {
			span.SetAttributes(attribute.String("hotpath.model", e.Model), attribute.Int64("hotpath.version", e.Version),
				attribute.Int("hotpath.rows", e.Rows), attribute.Int("hotpath.together", max(1, e.Together)))
		}
		if e.Reason != "" {
			span.SetAttributes(attribute.String("error.type", e.Reason))
		}
		if e.Status >= 500 {
			span.SetStatus(codes.Error, "")
		}
		below := trace.ContextWithSpan(context.Background(), span)
		from := e.Began
		for _, stage := range []struct {
			name string
			d    time.Duration
		}{{"decode", e.Input}, {"queue", e.Queue}, {"batch", e.Batch}, {"compute", e.Compute}} {
			if stage.d > 0 {
				options := []trace.SpanStartOption{trace.WithTimestamp(from)}
				if stage.name == "compute" {
					options = append(options, trace.WithLinks(t.links(e.Linked)...))
				}
				_, child := t.tracer.Start(below, stage.name, options...)
				from = from.Add(stage.d)
				child.End(trace.WithTimestamp(from))
			}
		}
	}
	span.End(trace.WithTimestamp(end))
}

func parentOf(traceparent string) context.Context {
	return propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": traceparent})
}

// links are those to the spans of other requests of the run that are traced too.
func (t *tracer) links(spans []*server.Span) (list []trace.Link) {
	for _, s := range spans {
		p := sdk.SamplingParameters{ParentContext: parentOf(s.Traceparent), TraceID: s.Trace}
		if t.sampler.ShouldSample(p).Decision == sdk.RecordAndSample {
			list = append(list, trace.Link{SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: s.Trace, SpanID: s.ID, TraceFlags: trace.FlagsSampled})})
		}
	}
	return list
}
