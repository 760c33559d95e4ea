package server

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/hotpath/hotpath/graph"
)

// inbound is the messages that come with a call. It reads them itself, as grpc receives a whole message before anyone
// learns its size: what arrives, what it decompresses to and what it takes once decoded are charged to the budget for
// bodies as they grow, and a message that does not come in time ends its call. A connection holds no more beside that
// than the windows of its streams.
type inbound struct {
	grpc.ServerStream
	srv     *Server
	g       *grpcServer
	method  string
	streams bool // the client may send more than one message
	most    int  // bytes of a message
	wire    wire
	head    [5]byte // of a message: whether it is compressed, and its length
	body    []byte
	charged int64 // of the budget
	message any   // the last one
	many    int   // that were received
	err     error // that ended the receiving, io.EOF aside
	slow    *time.Timer
	waits   bool // slow runs
	late    bool // slow has ended the call, and may be doing so still
}

// wire is what the stream of a call has in grpc.
type wire interface {
	ReadMessageHeader(header []byte) error
	Read(n int) (mem.BufferSlice, error)
	RecvCompress() string
	WriteStatus(st *status.Status) error
}

// Sizes of the reading of messages.
const (
	// grpcWindow is what the client may send of each stream that nobody reads.
	grpcWindow = 64 << 10
	// grpcStreams is the most calls at once of one connection.
	grpcStreams = 128
	// stepMost is the most that is asked for at once of a large message.
	stepMost = 1 << 20
)

func (s *Server) inbound(g *grpcServer, method string, streams bool, stream grpc.ServerStream) *inbound {
	in, ok := s.inbounds.Get().(*inbound)
	if !ok {
		in = &inbound{srv: s}
		in.slow = time.AfterFunc(time.Hour, in.cut)
		in.slow.Stop()
	}
	in.ServerStream, in.g, in.method, in.streams = stream, g, method, streams
	if in.most = s.cfg.MaxBody; g.rights[method] == Public {
		in.most = freeBody
	}
	in.wire, _ = grpc.ServerTransportStreamFromContext(stream.Context()).(wire)
	return in
}

// free gives everything back.
func (in *inbound) free() {
	in.srv.bodies.give(in.charged)
	if !in.inTime() {
		return
	}
	body := in.body
	if cap(body) > freeBody {
		body = nil
	}
	*in = inbound{srv: in.srv, slow: in.slow, body: body}
	in.srv.inbounds.Put(in)
}

// request is the last message, nil without one.
func (in *inbound) request() any {
	if in == nil {
		return nil
	}
	return in.message
}

// broke reports whether the receiving failed.
func (in *inbound) broke() bool { return in == nil || in.err != nil }

// cut ends a call whose message has not come in time, so that the reader of it is told.
func (in *inbound) cut() {
	_ = in.wire.WriteStatus(status.New(codeOf(errSlow), errSlow.Error()))
}

// RecvMsg implements grpc.ServerStream. Errors wrap ErrRequest, ErrTooLarge, ErrBusy, ErrTimeout, ErrDeadline or ErrGone,
// and of a stream those of admit.
func (in *inbound) RecvMsg(message any) error {
	err := in.receive(message)
	if err != nil && !errors.Is(err, io.EOF) {
		in.err = err
	}
	return err
}

func (in *inbound) receive(message any) error {
	m, ok := message.(proto.Message)
	if !ok || in.wire == nil {
		return errors.New("the gRPC library is not the one that this was made for")
	}
	in.charge(0)
	in.message = nil
	if !in.streams {
		in.wait()
	}
	if err := in.wire.ReadMessageHeader(in.head[:]); err != nil {
		if errors.Is(err, io.EOF) && in.streams {
			return io.EOF
		}
		return in.brokenOff(err)
	}
	if in.many++; in.many > 1 { // the key may have been revoked while the stream was open
		if err := in.srv.admit(in.Context(), in.g, in.method, callerOf(in.Context())); err != nil {
			return err
		}
	}
	if in.streams {
		in.wait()
	}
	compressed := in.head[0]
	if err := in.read(int64(binary.BigEndian.Uint32(in.head[1:]))); err != nil {
		return err
	}
	if !in.streams {
		if err := in.wire.ReadMessageHeader(in.head[:]); !errors.Is(err, io.EOF) {
			if err == nil {
				err = Fail(ErrRequest, "a second message, where one is expected")
			}
			return in.brokenOff(err)
		}
	}
	if !in.inTime() {
		return errSlow
	}
	if err := in.decode(m, compressed); err != nil {
		return err
	}
	in.message = message
	return nil
}

// wait gives the client its time to send a message.
func (in *inbound) wait() {
	in.waits = true
	in.slow.Reset(in.srv.cfg.BodyTimeout)
}

// inTime ends wait and reports whether the time was enough.
func (in *inbound) inTime() bool {
	if in.waits && !in.slow.Stop() {
		in.late = true
	}
	in.waits = false
	return !in.late
}

var errSlow = Fail(ErrTimeout, "message: not received in time")

// read reads a message of a size, which was only claimed.
func (in *inbound) read(size int64) error {
	if size > int64(in.most) {
		return Fail(ErrTooLarge, "message: %d bytes, the limit is %d", size, in.most)
	}
	in.body = in.body[:0]
	for left := int(size); left > 0; {
		if len(in.body) == cap(in.body) {
			n := min(max(grpcWindow, 2*cap(in.body)), max(int(size), 4<<10))
			if err := in.charge(int64(n)); err != nil {
				return err
			}
			in.body = append(make([]byte, 0, n), in.body...)
		}
		n := min(left, stepMost, cap(in.body)-len(in.body))
		data, err := in.wire.Read(n)
		if err != nil {
			return in.brokenOff(err)
		}
		at := len(in.body)
		in.body = in.body[:at+n]
		data.CopyTo(in.body[at:])
		data.Free()
		left -= n
	}
	return nil
}

// decode decompresses the message, finds what it takes, and reads it into m.
func (in *inbound) decode(m proto.Message, compressed byte) error {
	switch {
	case compressed == 1:
		if err := in.inflate(); err != nil {
			return err
		}
	case compressed != 0:
		return Fail(ErrRequest, "message: unknown compression flag %d", compressed)
	}
	size, err := decodedSize(m, in.body)
	if err != nil {
		return err
	}
	if most := in.srv.bodies.most; size > most {
		return Fail(graph.ErrLimit, "message: takes %d bytes once decoded, the limit is %d", size, most)
	}
	if err := in.charge(int64(len(in.body)) + size); err != nil {
		return err
	}
	if err := proto.Unmarshal(in.body, m); err != nil {
		return Fail(ErrRequest, "message: not valid protobuf of %s", m.ProtoReflect().Descriptor().FullName())
	}
	if cap(in.body) > freeBody {
		in.body = nil
	}
	return in.charge(size)
}

// inflate replaces the message by what it decompresses to.
func (in *inbound) inflate() error {
	coding := encoding.GetCompressor(in.wire.RecvCompress())
	if coding == nil {
		return Fail(ErrRequest, "message: compressed, and no grpc-encoding says how")
	}
	zr, err := coding.Decompress(bytes.NewReader(in.body))
	if err != nil {
		return Fail(ErrRequest, "message: not valid %s", coding.Name())
	}
	if c, ok := zr.(io.Closer); ok {
		defer c.Close()
	}
	out := []byte{}
	for {
		if len(out) == cap(out) {
			n := min(max(4<<10, 2*cap(out)), in.most+1)
			if err := in.charge(int64(cap(in.body) + n)); err != nil {
				return err
			}
			out = append(make([]byte, 0, n), out...)
		}
		n, err := zr.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case len(out) > in.most:
			return Fail(ErrTooLarge, "message: larger than %d bytes once decompressed", in.most)
		case err == io.EOF:
			in.body = out
			return nil
		case err != nil:
			return Fail(ErrRequest, "message: not valid %s", coding.Name())
		}
	}
}

// charge makes what this call holds of the budget n bytes; as few as a small body has are free.
func (in *inbound) charge(n int64) error {
	if n <= freeMessage {
		n = 0
	}
	b := &in.srv.bodies
	if n > in.charged && !b.take(n-in.charged) {
		return Fail(errBodies, "messages in flight use all of the %d bytes set aside for them", b.most)
	}
	if n < in.charged {
		b.give(in.charged - n)
	}
	in.charged = n
	return nil
}

// freeMessage is the size up to which a message is not charged.
const freeMessage = 4 << 10

// brokenOff is the error of a message that did not come whole.
func (in *inbound) brokenOff(err error) error {
	switch {
	case errors.Is(err, ErrRequest):
		return err
	case !in.inTime():
		return errSlow
	case errors.Is(in.Context().Err(), context.DeadlineExceeded):
		return Fail(ErrDeadline, "message: not received by the deadline of the call")
	case in.Context().Err() != nil:
		return errGone
	}
	return Fail(ErrRequest, "message: broken off")
}
