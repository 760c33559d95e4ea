package server

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/proto"
)

// tapped admits a call when its head has come, before its message has: who has no credential cannot make the server
// receive anything. What it returns is the context of the call, with the caller.
func (s *Server) tapped(g *grpcServer) tap.ServerInHandle {
	return func(ctx context.Context, info *tap.Info) (admitted context.Context, err error) {
		admitted = ctx
		defer func() {
			if err != nil {
				s.auditCall(admitted, g.rights[info.FullMethodName], info.FullMethodName, nil, err)
			}
		}()
		defer s.recovered(info.FullMethodName, &err)
		return s.admit(ctx, g, info.FullMethodName)
	}
}

// chargeMessage takes the size of a message out of the budget for bodies, for as long as its call runs. Errors wrap
// ErrBusy. Small messages are free, as small bodies are.
func (s *Server) chargeMessage(message any) (n int64, err error) {
	m, ok := message.(proto.Message)
	if !ok {
		return 0, nil
	}
	if n = int64(proto.Size(m)); n <= freeBody {
		return 0, nil
	}
	if !s.bodies.take(n) {
		return 0, Fail(ErrBusy, "messages in flight use all of the %d bytes set aside for them", s.bodies.most)
	}
	return n, nil
}

// charged is a stream whose last message is charged to the budget.
type charged struct {
	grpc.ServerStream
	srv  *Server
	held int64
}

// RecvMsg implements grpc.ServerStream.
func (c *charged) RecvMsg(message any) error {
	c.release()
	err := c.ServerStream.RecvMsg(message)
	if err == nil {
		c.held, err = c.srv.chargeMessage(message)
	}
	return err
}

func (c *charged) release() {
	c.srv.bodies.give(c.held)
	c.held = 0
}
