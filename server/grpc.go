package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // clients may compress
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
)

// Service is one gRPC service of a wire format, whose methods are rows of its table.
type Service struct {
	Desc *grpc.ServiceDesc
	Impl any
}

// GRPC is a wire format that has gRPC services too.
type GRPC interface {
	Services(*Server) []Service
}

// grpcServer is the gRPC listener. It shares models, keys, queue, limits and drain with HTTP, and has a port of its own
// because fasthttp has no HTTP/2.
type grpcServer struct {
	address      string
	loopback     bool
	certificates *certificates // nil without TLS
	ln           *bounded
	server       *grpc.Server
	health       *health.Server
	rights       map[string]Right // by full method
}

func (s *Server) services() (all []Service) {
	for _, api := range s.cfg.APIs {
		if g, ok := api.(GRPC); ok {
			all = append(all, g.Services(s)...)
		}
	}
	return all
}

// openGRPC opens the gRPC listener.
func (s *Server) openGRPC() error {
	g := &grpcServer{address: s.cfg.GRPC, rights: s.Methods(), health: health.NewServer()}
	var err error
	if g.loopback, err = onLoopback(g.address); err != nil {
		return err
	}
	if err := s.checkExposure(&s.cfg, g.address, g.loopback); err != nil {
		return err
	}
	options := []grpc.ServerOption{
		grpc.InitialWindowSize(grpcWindow), grpc.InitialConnWindowSize(4 * stepMost), grpc.MaxConcurrentStreams(grpcStreams),
		grpc.MaxHeaderListSize(16 << 10),
		grpc.ConnectionTimeout(s.cfg.HeaderTimeout),
		// Clients that keep connections alive ping every 10 s at the fastest; the library's own limit would close them.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		// What runs is never cut: a connection of some age takes no new calls, and its client opens another.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: s.cfg.IdleTimeout, Timeout: s.cfg.HeaderTimeout,
			MaxConnectionIdle: s.cfg.IdleTimeout, MaxConnectionAge: time.Hour}),
		grpc.InTapHandle(s.tapped(g)),
	}
	if s.cfg.TLS.enabled() {
		if g.certificates, s.Fingerprint, err = s.cfg.TLS.open(certHosts(g.address), []string{"h2"}, s.cfg.Log); err != nil {
			return err
		}
		options = append(options, grpc.Creds(credentials.NewTLS(g.certificates.config())))
	}
	g.server = grpc.NewServer(options...)
	guarded := registrar{s, g}
	for _, service := range s.services() {
		guarded.RegisterService(service.Desc, service.Impl)
	}
	healthpb.RegisterHealthServer(guarded, g.health)
	reflection.Register(guarded)
	for name, info := range g.server.GetServiceInfo() {
		for _, m := range info.Methods {
			if _, ok := g.rights["/"+name+"/"+m.Name]; !ok {
				return fmt.Errorf("gRPC method /%s/%s has no row in the table of calls", name, m.Name)
			}
		}
	}
	ln, err := s.listen(g.address)
	if err != nil {
		return err
	}
	g.ln = &bounded{Listener: ln, most: s.cfg.MaxConns, mostPerIP: s.cfg.MaxConnsPerIP, perIP: map[string]int{}}
	g.address = g.ln.Addr().String()
	g.setReady(false)
	s.grpc = g
	return nil
}

// GRPCAddress is where the gRPC services are, "" without them.
func (s *Server) GRPCAddress() string {
	if s.grpc == nil {
		return ""
	}
	return s.grpc.address
}

// setReady tells health checks whether calls should come here.
func (g *grpcServer) setReady(ready bool) {
	state := healthpb.HealthCheckResponse_NOT_SERVING
	if ready {
		state = healthpb.HealthCheckResponse_SERVING
	}
	for name := range g.server.GetServiceInfo() {
		g.health.SetServingStatus(name, state)
	}
	g.health.SetServingStatus("", state)
}

// serve answers until the server is stopped.
func (g *grpcServer) serve() error {
	if err := g.server.Serve(g.ln); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("listener %s: %w", g.address, err)
	}
	return nil
}

// stop takes no more calls and waits for those that run, no longer than ctx.
func (g *grpcServer) stop(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		g.server.GracefulStop()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		g.server.Stop()
		<-done
	}
}

// CallerKeyOf is what places the caller of a gRPC call where requests are split: the header of HTTP as metadata.
func CallerKeyOf(ctx context.Context) []byte {
	if v := metadata.ValueFromIncomingContext(ctx, headerKey); len(v) > 0 {
		return []byte(v[0])
	}
	return nil
}

// GRPCError is the status of an error; of one that is our fault the text stays in the log.
func (s *Server) GRPCError(method string, err error) error {
	code, text := codeOf(err), err.Error()
	if code == codes.Internal {
		ref := reference()
		s.cfg.Log.Error("call failed", "id", ref, "method", method, "error", text)
		text = "internal error, logged as " + ref
	} else {
		s.cfg.Log.Debug("call refused", "code", code.String(), "method", method, "error", text)
	}
	return status.Error(code, text)
}

// reference is a name for an entry of the log.
func reference() string {
	var id [8]byte
	_, _ = rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// secretOf finds the API key of a call: a bearer token, x-api-key, or the password of basic authentication.
func secretOf(ctx context.Context) []byte {
	md, _ := metadata.FromIncomingContext(ctx)
	if v := md.Get("x-api-key"); len(v) > 0 {
		return []byte(v[0])
	}
	v := md.Get("authorization")
	if len(v) == 0 {
		return nil
	}
	scheme, token, _ := strings.Cut(v[0], " ")
	token = strings.TrimSpace(token)
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return []byte(token)
	case strings.EqualFold(scheme, "Basic"):
		if plain, err := base64.StdEncoding.DecodeString(token); err == nil {
			_, password, _ := strings.Cut(string(plain), ":")
			return []byte(password)
		}
	}
	return nil
}

// codeOf derives the gRPC code of an error from its HTTP status, so that both are told in one table.
func codeOf(err error) codes.Code {
	switch Status(err) {
	case 400, 405, 415, 421:
		return codes.InvalidArgument
	case 401:
		return codes.Unauthenticated
	case 403:
		return codes.PermissionDenied
	case 404:
		return codes.NotFound
	case 413, 429:
		return codes.ResourceExhausted
	case 408, 504:
		return codes.DeadlineExceeded
	case statusClientClosedRequest:
		return codes.Canceled
	case 501:
		return codes.Unimplemented
	case 503:
		return codes.Unavailable
	}
	return codes.Internal
}
