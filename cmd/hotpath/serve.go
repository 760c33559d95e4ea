package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/alecthomas/kong"

	"github.com/hotpath/hotpath/cmd/hotpath/digits"
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/kernels"
	"github.com/hotpath/hotpath/loader"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/admin"
	"github.com/hotpath/hotpath/server/api/kserve"
	"github.com/hotpath/hotpath/server/api/mlflow"
	"github.com/hotpath/hotpath/server/api/openai"
	"github.com/hotpath/hotpath/server/api/predict"
	"github.com/hotpath/hotpath/server/api/tfserving"
	"github.com/hotpath/hotpath/server/registry"
	"github.com/hotpath/hotpath/server/ui"
)

type serveCmd struct {
	HTTP   string `help:"Address of the API and the page." default:"127.0.0.1:8080" name:"http" placeholder:"ADDR" group:"listeners"`
	GRPC   string `help:"Address of the gRPC services of KServe and TensorFlow Serving (default: none)." name:"grpc" placeholder:"ADDR" group:"listeners"`
	Admin  string `help:"Address of metrics and profiles (default: metrics at --http, no profiles)." placeholder:"ADDR" group:"listeners"`
	Store  string `help:"Registry directory with models and API keys." placeholder:"DIR" group:"sources"`
	Cache  string `help:"Directory, of this user alone, where prepared models are kept for the next start; none: no such directory (default: plans in the store)." placeholder:"DIR|none" group:"sources"`
	Models string `help:"Directory with NAME/VERSION/model.onnx (or model.keras, model.h5, a SavedModel), or the base path of one model." placeholder:"DIR" group:"sources"`

	identityFlag     `group:"auth"`
	RequireSignature []string `help:"PEM file of a public key: versions that are not signed by one of them, in the store or by model.sig in a directory of --models, are not served." placeholder:"FILE" type:"existingfile" group:"auth"`

	VersionPolicy server.Policy `help:"Versions kept ready of models that have no policy of their own: latest, latest:N, all or specific:N,N." default:"latest" placeholder:"POLICY" live:""`
	Lazy          bool          `help:"Load a model when the first request asks for it." live:""`
	Memory        byteSize      `help:"Weights of all models in memory; beyond it those used longest ago make room and come back at the next request (default: no limit)." placeholder:"SIZE" group:"limits" live:""`
	LoadWait      time.Duration `help:"Longest time that a request waits for its model to be loaded before it is answered 503." default:"10s" group:"limits" live:"" zero:""`

	TLSCert        string `help:"PEM file with the certificate chain." name:"tls-cert" placeholder:"FILE" group:"tls" live:"set"`
	TLSKey         string `help:"PEM file with its private key." name:"tls-key" placeholder:"FILE" group:"tls" live:"set"`
	TLSSelfSigned  bool   `help:"Serve TLS with a certificate made here and kept in the store." name:"tls-self-signed" group:"tls"`
	ClientCA       string `help:"PEM file: clients must show a certificate that one of those in it has signed (mutual TLS)." name:"client-ca" placeholder:"FILE" group:"tls" live:"set"`
	JWKS           string `help:"JSON Web Key Set whose keys sign the bearer tokens (JWT) that are accepted beside API keys." name:"jwks" placeholder:"FILE" group:"auth" live:""`
	OIDC           string `help:"Issuer of tokens; without --jwks its keys are found by OpenID Connect Discovery." name:"oidc" placeholder:"URL" group:"auth" live:""`
	Audience       string `help:"What tokens must have in aud." placeholder:"NAME" group:"auth" live:""`
	AllowAnonymous bool   `help:"Serve off loopback, or behind a proxy on loopback under its name, without API keys." group:"auth"`
	InsecureNoTLS  bool   `help:"Serve off loopback without TLS." name:"insecure-no-tls" group:"tls"`

	Precision       string   `help:"bf16: round weights and activations of matrix products to bfloat16, faster and less exact; answers say so (default: as the models say)." placeholder:"bf16" enum:",bf16" default:""`
	Threads         int      `help:"Threads of one computation (default: the CPUs this process may use)." group:"limits"`
	MaxBody         byteSize `help:"Largest request body." default:"32MiB" placeholder:"SIZE" group:"limits"`
	MaxBodyMemory   byteSize `help:"Memory for all request bodies in flight." default:"256MiB" placeholder:"SIZE" group:"limits"`
	MaxRunMemory    byteSize `help:"Memory of the intermediate values of one request." default:"256MiB" placeholder:"SIZE" group:"limits"`
	MaxRows         int      `help:"Most rows in one request." default:"65536" group:"limits" live:""`
	MaxConcurrency  int      `help:"Runs of all models at once; one model has half of them (default: 2 per CPU)." group:"limits"`
	schedulingFlags `group:"scheduling"`
	tokenFlags      `group:"tokens"`
	MaxConns        int           `help:"Connections of one listener; beyond it new ones are turned away." name:"max-conns" default:"8192" group:"listeners"`
	MaxConnsPerIP   int           `help:"Connections of one address (default: unlimited)." name:"max-conns-per-ip" group:"listeners"`
	Poll            time.Duration `help:"Time between two looks for new models and keys." default:"1s" group:"sources" live:""`
	DrainGrace      time.Duration `help:"Time between SIGTERM and closing the listener, for load balancers to see /readyz." default:"1s" group:"listeners" live:"" zero:""`
	DrainTimeout    time.Duration `help:"Longest time that running requests get after SIGTERM." default:"30s" group:"listeners" live:"" zero:""`
	UpgradeTimeout  time.Duration `help:"Longest time that a process started by SIGUSR2 may take until it is ready." default:"5m" group:"listeners" live:""`
	Audit           string        `help:"File that says, one JSON object per line, who managed what, by request or by command on the store, and who was refused; appended to, and opened anew at SIGHUP." placeholder:"FILE" group:"observe"`
	Config          string        `help:"YAML file with settings: flag names as keys, in sections (--print-config shows them). A flag wins over the environment (HOTPATH_MAX_BODY for --max-body), that over the file." placeholder:"FILE"`
	PrintConfig     bool          `help:"Print the settings in force as such a file, and do not serve."`

	observeFlags `group:"observe"`

	file     string                   // of settings, "" for none
	perModel map[string]modelSettings // from it
}

// Help implements kong's long help.
func (serveCmd) Help() string {
	return "Serves the models of the store and of --models; without any, the embedded digits classifier. Off loopback TLS and API keys are demanded unless waived by name.\n\n" +
		"SIGHUP reads the configuration file anew, and --print-config says which settings then take effect. SIGUSR2 starts the binary that is at this " +
		"place now, and hands the sockets over to it once it is ready. SIGTERM drains."
}

// Run implements the verb.
func (c *serveCmd) Run(e *env, line *kong.Context) error {
	if c.PrintConfig {
		return c.printConfig(e, line.Selected().Flags)
	}
	v := &service{cmd: c, flags: line.Selected().Flags, args: line.Args, signals: heardSignals(), log: newLog(e.stderr)}
	defer v.signals.stop()
	v.log.set(&c.observeFlags)
	before, err := takeOver()
	if err != nil {
		return err
	}
	err = v.run(e, before)
	before.tell(err) // where it was not ready before that
	return err
}

// check proves that the settings go together.
func (c *serveCmd) check() error {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return fmt.Errorf("--tls-cert and --tls-key: expected both or neither: %w", errUsage)
	}
	if c.TLSCert != "" && c.TLSSelfSigned {
		return fmt.Errorf("--tls-cert and --tls-self-signed: expected one of them: %w", errUsage)
	}
	if c.ClientCA != "" && c.TLSCert == "" && !c.TLSSelfSigned {
		return fmt.Errorf("--client-ca: expected --tls-cert and --tls-key, or --tls-self-signed, beside it: %w", errUsage)
	}
	return nil
}

// threads is how many one computation has.
func (c *serveCmd) threads() int {
	if c.Threads > 0 {
		return c.Threads
	}
	return kernels.DefaultThreads()
}

// config checks the settings and puts the parts together. started is set once requests are answered.
func (c *serveCmd) config(e *env, log *slog.Logger, pool *kernels.Pool, started *atomic.Bool) (server.Config, error) {
	if err := c.check(); err != nil {
		return server.Config{}, err
	}
	tokens, err := c.tokens()
	if err != nil {
		return server.Config{}, err
	}
	store := openStore(c.Store)
	concurrency := c.MaxConcurrency
	if concurrency <= 0 {
		concurrency = 2 * max(c.threads(), kernels.DefaultThreads())
	}
	access, err := c.access(c.RequireSignature)
	if err != nil {
		return server.Config{}, err
	}
	cfg := server.Config{
		HTTP: c.HTTP, GRPC: c.GRPC, Admin: c.Admin,
		TLS:            server.TLS{Cert: c.TLSCert, Key: c.TLSKey, ClientCA: c.ClientCA},
		AllowAnonymous: c.AllowAnonymous, AllowPlaintext: c.InsecureNoTLS,
		Sources: c.sources(e, store, access), Keys: store,
		Tokens: tokens,
		Policy: c.VersionPolicy, Lazy: c.Lazy, Memory: int64(c.Memory), LoadWait: max(c.LoadWait, 1), // to the server 0 is its default
		Load: func(data []byte) (server.Runner, error) {
			o := plan.Options{Pool: pool, MaxBytes: int(c.MaxRunMemory), Precision: c.Precision, Cache: c.cacheDir()}
			if started.Load() {
				o.Builders = 1 // on the thread of the load, which has a low share; before, nothing else wants the cores
			}
			return compileModel(log, data, o)
		},
		Aside: pool.Alone,
		APIs:  c.apis(store, access),

		MaxBody: int(c.MaxBody), MaxBodyMemory: int64(c.MaxBodyMemory), MaxRows: c.MaxRows,
		MaxConcurrency: concurrency, MaxRunMemory: int64(c.MaxRunMemory) * int64(concurrency),
		Scheduling: c.scheduling(c.perModel), Models: settingsOf(c.perModel), MaxConns: c.MaxConns, MaxConnsPerIP: c.MaxConnsPerIP,
		Poll: c.Poll, DrainGrace: max(c.DrainGrace, 1), DrainTimeout: max(c.DrainTimeout, 1),
		Log: log, AccessLog: c.AccessLog, Slow: c.Slow,
	}
	if c.TLSSelfSigned {
		cfg.TLS.SelfSignedDir = filepath.Join(store.Dir(), "tls")
	}
	return cfg, nil
}

// sources is where models come from: --models, and the store unless only --models was given; the embedded digits while
// a store alone has nothing.
func (c *serveCmd) sources(e *env, store *registry.Store, access registry.Access) []server.Source {
	models := server.Registry{Store: store, Access: access}
	dir := server.Dir{Path: c.Models, Open: e.models, Trust: access.Trust}
	switch {
	case c.Models != "" && c.Store != "":
		return []server.Source{dir, models}
	case c.Models != "":
		return []server.Source{dir}
	}
	return []server.Source{server.Fallback{First: models, Else: server.Embedded{Name: "digits", Data: digits.Model}}}
}

// apis are the wire formats.
func (c *serveCmd) apis(store *registry.Store, access registry.Access) []server.API {
	return []server.API{predict.API{}, tfserving.API{}, kserve.API{}, openai.API{}, mlflow.API{}, c.admin(store, access), ui.Page{}}
}

// admin manages the store where models are served from it.
func (c *serveCmd) admin(store *registry.Store, access registry.Access) admin.API {
	if c.Models != "" && c.Store == "" {
		store = nil
	}
	return admin.API{Store: store, Check: checkUpload(int(c.MaxRunMemory)), Access: access}
}

// cacheDir is where plans are kept: in a store that was named, unless the flag says otherwise.
func (c *serveCmd) cacheDir() string {
	switch {
	case c.Cache == "none" || c.Cache == "" && c.Store == "":
		return ""
	case c.Cache == "":
		return filepath.Join(c.Store, "plans")
	}
	return c.Cache
}

// compileModel makes a model file runnable. A cache that cannot be used is no reason not to serve.
func compileModel(log *slog.Logger, data []byte, o plan.Options) (*plan.Plan, error) {
	src := plan.Source{Read: func() (*graph.Model, error) { return loader.Read(data) }}
	if o.Cache != "" {
		src.Digest = []byte(registry.Digest(data)) // in parts, between which the garbage collector may stop it
	}
	p, err := plan.Open(src, o)
	if errors.Is(err, plan.ErrCache) {
		log.Warn("no plan cache", "error", err)
		o.Cache = ""
		return plan.Open(src, o)
	}
	if err != nil {
		return nil, err
	}
	if _, err := p.Cached(); err != nil {
		log.Warn("a plan is not kept in the cache", "error", err)
	}
	return p, nil
}

// What announce prints before the addresses; bench guard reads them back.
const (
	servesAt  = "hotpath serves at "
	metricsAt = "metrics and profiles at "
)

// announce prints where the server is and a request to paste.
func (c *serveCmd) announce(e *env, s *server.Server) {
	out := func(format string, args ...any) { fmt.Fprintf(e.stdout, format+"\n", args...) }
	out(servesAt+"%s", s.URL())
	if u := s.AdminURL(); u != "" {
		out(metricsAt+"%s", u)
	}
	if a := s.GRPCAddress(); a != "" {
		out("gRPC at %s", a)
	}
	if s.Fingerprint != "" {
		out("TLS certificate SHA-256 %s", s.Fingerprint)
	}
	models := s.Models()
	for _, m := range models.Models {
		if m.Serving != nil {
			out("model %s version %d", m.Name, m.Serving.Version)
		}
	}
	if models.Default == nil || models.Default.Serving == nil {
		out("no model is loaded yet")
		return
	}
	options := ""
	if c.TLSSelfSigned {
		options = " --cacert " + filepath.Join(storeDir(c.Store), "tls", "self-signed.crt")
	}
	if s.KeysDemanded() {
		options += ` -H "Authorization: Bearer $KEY"`
	}
	out("try it:\n  curl%s %s/predict -d '{\"input_data\": [%s]}'", options, s.URL(), sampleRow(models.Default.Serving))
}

// sampleDigit is a zero of the digits data.
const sampleDigit = "[0,0,5,13,9,1,0,0, 0,0,13,15,10,15,5,0, 0,3,15,2,0,11,8,0, 0,4,12,0,0,8,8,0, " +
	"0,5,8,0,0,9,8,0, 0,4,11,0,1,12,7,0, 0,2,14,5,10,12,0,0, 0,0,6,13,10,0,0,0]"

// sampleRow is a row of the right form for a model, in JSON.
func sampleRow(m *server.Engine) string {
	in := m.Signature.Inputs
	if len(in) == 1 && len(in[0].Image) == 2 && in[0].Image[0] == 8 && in[0].Image[1] == 8 {
		return sampleDigit
	}
	var parts []string
	for _, v := range in {
		parts = append(parts, sampleValue(v, v.Shape[min(1, len(v.Shape)):]))
	}
	if len(in) == 1 {
		return parts[0]
	}
	for i, v := range in {
		if len(v.Shape) == 2 && v.Shape[1] == 1 { // a column
			parts[i] = strings.Trim(parts[i], "[]")
		}
		parts[i] = fmt.Sprintf("%q: %s", v.Name, parts[i])
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// sampleValue is zeros of a shape as nested lists; an unknown axis has one element.
func sampleValue(in graph.Input, shape []int) string {
	if len(shape) == 0 {
		if in.DType == tensor.String {
			return `"text"`
		}
		return "0"
	}
	one := sampleValue(in, shape[1:])
	return "[" + strings.TrimSuffix(strings.Repeat(one+",", max(shape[0], 1)), ",") + "]"
}

// byteSize is a number of bytes with an optional unit on the command line.
type byteSize int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *byteSize) UnmarshalText(text []byte) error {
	var n int64
	var unit string
	if k, err := fmt.Sscanf(string(text), "%d%s", &n, &unit); k == 0 || err != nil && k != 1 {
		return fmt.Errorf("%q: expected a size such as 512KiB, 32MiB or 1GiB", text)
	}
	shift, ok := map[string]uint{"": 0, "B": 0, "KiB": 10, "MiB": 20, "GiB": 30}[unit]
	if !ok || n <= 0 || n > 1<<40>>shift {
		return fmt.Errorf("%q: expected a size such as 512KiB, 32MiB or 1GiB", text)
	}
	*b = byteSize(n << shift)
	return nil
}

// storeDir is the registry directory: the given one, or the user's, or that of a system service without a home.
func storeDir(given string) string {
	if given != "" {
		return given
	}
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "hotpath")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "share", "hotpath")
	}
	return "/var/lib/hotpath"
}

func openStore(given string) *registry.Store { return registry.New(storeDir(given)) }
