package server

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/hotpath/hotpath/graph"
)

// registrar registers services so that every call of theirs goes through guard. It is what grpc.Server is to the
// packages of services.
type registrar struct {
	srv *Server
	g   *grpcServer
}

// RegisterService implements grpc.ServiceRegistrar.
func (r registrar) RegisterService(desc *grpc.ServiceDesc, impl any) {
	guarded := &grpc.ServiceDesc{ServiceName: desc.ServiceName, HandlerType: desc.HandlerType, Metadata: desc.Metadata}
	add := func(d grpc.StreamDesc, handle func(*inbound) error) {
		d.Handler = r.srv.guard(r.g, "/"+desc.ServiceName+"/"+d.StreamName, d.ClientStreams, handle)
		guarded.Streams = append(guarded.Streams, d)
	}
	for _, m := range desc.Methods {
		add(grpc.StreamDesc{StreamName: m.MethodName}, func(in *inbound) error {
			answer, err := m.Handler(impl, in.Context(), in.RecvMsg, nil)
			if err != nil {
				return err
			}
			return in.SendMsg(answer)
		})
	}
	for _, d := range desc.Streams {
		handle := d.Handler
		add(d, func(in *inbound) error { return handle(impl, in) })
	}
	r.g.server.RegisterService(guarded, impl)
}

// GetServiceInfo implements reflection.ServiceInfoProvider.
func (r registrar) GetServiceInfo() map[string]grpc.ServiceInfo { return r.g.server.GetServiceInfo() }

// caller is who makes a call, and what is known of the call.
type caller struct {
	who      atomic.Pointer[Identity] // nil while there are no keys
	inferred atomic.Bool              // a Call was begun, which is counted and told of by itself
}

// callerKey is the key of a context under which the caller is.
type callerKey struct{}

func callerOf(ctx context.Context) *caller {
	c, _ := ctx.Value(callerKey{}).(*caller)
	return c
}

// CallerOf is who makes a gRPC call; nil while there are no keys.
func CallerOf(ctx context.Context) *Identity {
	if c := callerOf(ctx); c != nil {
		return c.who.Load()
	}
	return nil
}

// tapped admits a call when its head has come, before its message has: who has no credential cannot make the server
// receive anything. What it returns is the context of the call, with the caller.
func (s *Server) tapped(g *grpcServer) tap.ServerInHandle {
	return func(ctx context.Context, info *tap.Info) (context.Context, error) {
		c := &caller{}
		ctx = context.WithValue(ctx, callerKey{}, c)
		if err := s.admit(ctx, g, info.FullMethodName, c); err != nil {
			return ctx, s.ended(ctx, g, info.FullMethodName, now(), nil, err)
		}
		return ctx, nil
	}
}

// guard is the one boundary that panics of gRPC handlers do not cross. It gives back what the messages held, and counts,
// logs and writes down what no Call has.
func (s *Server) guard(g *grpcServer, method string, streams bool, handle func(*inbound) error) grpc.StreamHandler {
	return func(_ any, stream grpc.ServerStream) (err error) {
		began, ctx := now(), stream.Context()
		in := s.inbound(g, method, streams, stream)
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
			err = s.ended(ctx, g, method, began, in, err)
			in.free()
		}()
		return handle(in)
	}
}

// ended counts, logs and writes down a call that ended with an error or nil, and returns the status for it, whose text is
// fit for the client. in is nil of one that was not admitted.
func (s *Server) ended(ctx context.Context, g *grpcServer, method string, began moment, in *inbound, err error) error {
	answer := err
	if _, ok := status.FromError(err); !ok {
		answer = s.GRPCError(method, err)
	}
	c := callerOf(ctx)
	s.auditCall(ctx, g.rights[method], method, in.request(), answer)
	if c.inferred.Load() && !in.broke() {
		return answer
	}
	err = classOf(err)
	if err != nil {
		s.metrics.Failed(kindOf(err).reason)
	}
	if o, d := s.observer.Load(), now().since(began); o != nil && o.wants(d) {
		e := &Event{Began: began.time(), Duration: d}
		if who := c.who.Load(); who != nil {
			e.Key = who.ID
		}
		e.over(ctx, err)
		e.Path = method
		o.tell(e)
	}
	return answer
}

// classOf is err, or where it is a status, the class of errors that has its code.
func classOf(err error) error {
	st, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	for _, class := range []error{ErrRequest, ErrUnauthorized, ErrForbidden, ErrNotFound, ErrBusy, ErrDeadline, ErrGone,
		graph.ErrUnsupported, ErrUnavailable} {
		if codeOf(class) == st.Code() {
			return class
		}
	}
	return err
}

// admit proves that the caller has the right of a method, and says in c who it is, of one who is refused too.
func (s *Server) admit(ctx context.Context, g *grpcServer, method string, c *caller) error {
	right, known := g.rights[method]
	if !known {
		return Fail(graph.ErrUnsupported, "unknown method %s", method)
	}
	if right == Public {
		return nil
	}
	if s.draining.Load() {
		s.lastRequest.Store(int64(now()))
	}
	who, err := s.permit(secretOf(ctx), right, false)
	c.who.Store(who)
	if err == nil && right > Predict && who != nil && len(who.models) > 0 {
		err = Fail(ErrForbidden, "this needs an admin key that is for all models")
	}
	return err
}
