package server

import (
	"log/slog"
	"net"
	"runtime"
	"time"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server/registry"
)

// Runner is a compiled model as the server uses it; *plan.Plan is one. Run must be safe for concurrent callers that
// bring tensors of their own.
type Runner interface {
	Signature() *graph.Signature
	NewInputs(rows int) []*tensor.Tensor
	NewOutputs() []*tensor.Tensor
	Run(inputs, outputs []*tensor.Tensor) error
	WeightBytes() int64
}

// Config is everything a server is told. Zero durations and sizes mean the defaults stated here. What is marked "live" can be
// changed by Server.Reload.
type Config struct {
	HTTP  string // address of the API and the page
	GRPC  string // address of the gRPC services; empty for none
	Admin string // address of metrics and profiles; empty for none (metrics then are at HTTP)
	// Listen opens an address or hands out a socket that is already open; net.Listen for TCP.
	Listen func(address string) (net.Listener, error)

	TLS            TLS  // live: its files, but not whether there is TLS
	AllowAnonymous bool // serve off loopback, or there under other names, without keys
	AllowPlaintext bool // serve off loopback without TLS

	Sources []Source        // where models come from, the first that has a name wins
	Policy  Policy          // live: which versions are kept ready of models without a policy of their own; the newest
	Lazy    bool            // live: models are loaded when a request asks for them
	Memory  int64           // live: bytes of weights of all loaded models, no limit; beyond it the least recently used make room
	Keys    *registry.Store // where API keys come from; nil for none
	Tokens  Tokens          // live: which tokens are accepted beside them; none
	// Load turns the bytes of a model file into something that runs.
	Load func(data []byte) (Runner, error)
	// Aside calls f, which runs a model while requests are served, so that it uses the thread of its caller alone, and the
	// other cores are left to requests. nil: f is called as it is.
	Aside func(f func())
	APIs  []API // the wire formats

	MaxBody        int           // bytes of a request body, 32 MiB
	MaxBodyMemory  int64         // bytes of all bodies being read or answered, 256 MiB
	MaxRows        int           // live: rows of one request, 65,536
	MaxConcurrency int           // runs of all models at once, 2 per core
	MaxRunMemory   int64         // bytes of inputs, outputs and intermediate values of all requests that wait or run, 256 MiB per run at once
	MaxConns       int           // of one listener, 8192: an idle one costs 17 KiB over HTTP, 20 KiB or more over gRPC
	MaxConnsPerIP  int           // unlimited: behind a proxy all clients have one address
	HeaderTimeout  time.Duration // to read a request head, 10 s
	BodyTimeout    time.Duration // to read head and body of a request with a larger body, 60 s
	IdleTimeout    time.Duration // of a kept connection, 75 s: longer than a load balancer's 60
	WriteTimeout   time.Duration // to write an answer, 30 s
	LoadWait       time.Duration // live: longest wait of a request for a model that is being loaded, 10 s
	Poll           time.Duration // live: between two looks at the sources and keys, 1 s
	DrainGrace     time.Duration // live: between readiness going off and the listener closing, 1 s
	DrainTimeout   time.Duration // live: of the whole drain, 30 s

	Scheduling Scheduling               // live
	Models     map[string]ModelSettings // live: what differs for single models by name, scheduling aside

	Audit *Audit // where changes and refusals are written down; nil for nowhere

	Log       *slog.Logger
	AccessLog bool          // live: every finished request is logged
	Slow      time.Duration // live: requests that take as long are kept at /debug/slow, without their values; 0 for none
	Observe   func(*Event)  // live: is told of every finished request on its goroutine, nil for nothing
}

// API is a wire format: its routes.
type API interface {
	Routes() []Route
}

// drainLimit bounds what is read and dropped of a body that is too large before its sender gets the answer.
const drainLimit = 256 << 20

func (c *Config) setDefaults() {
	set(&c.HTTP, "127.0.0.1:8080")
	if c.Listen == nil {
		c.Listen = func(address string) (net.Listener, error) { return net.Listen("tcp", address) }
	}
	set(&c.MaxBody, 32<<20)
	set(&c.MaxBodyMemory, 256<<20)
	set(&c.MaxRows, 1<<16)
	set(&c.MaxConcurrency, 2*runtime.GOMAXPROCS(0))
	set(&c.MaxRunMemory, int64(c.MaxConcurrency)<<28)
	c.Scheduling.setDefaults(c.MaxConcurrency)
	set(&c.MaxConns, 8192)
	set(&c.HeaderTimeout, 10*time.Second)
	set(&c.BodyTimeout, 60*time.Second)
	set(&c.IdleTimeout, 75*time.Second)
	set(&c.WriteTimeout, 30*time.Second)
	set(&c.LoadWait, 10*time.Second)
	set(&c.Poll, time.Second)
	if c.Policy.IsZero() {
		c.Policy = latestOne
	}
	set(&c.DrainGrace, time.Second)
	set(&c.DrainTimeout, 30*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

func set[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
