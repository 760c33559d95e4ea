package server

import (
	"context"
	"encoding/hex"
	"math/rand/v2"

	"google.golang.org/grpc/metadata"
)

// Span names the span of a request before there is one, so that spans of requests that are computed together can name
// each other (W3C Trace Context).
type Span struct {
	Trace       [16]byte // of the client, or new
	ID          [8]byte
	Traceparent string // as the client sent it
}

// traces reports whether spans are made of requests.
func (s *Server) traces() bool {
	o := s.observer.Load()
	return o != nil && o.others != nil
}

// newSpan names a span below the one that traceparent names, or one of a new trace.
func newSpan(traceparent string) *Span {
	s := &Span{Traceparent: traceparent}
	if !parseTrace(&s.Trace, traceparent) {
		fill(s.Trace[:])
	}
	fill(s.ID[:])
	return s
}

// fill makes an id: any bytes, not all of them zero.
func fill(id []byte) {
	for i := range id {
		id[i] = byte(rand.Uint32())
	}
	id[0] |= 1
}

// parseTrace reads the trace of "VERSION-TRACE-PARENT-FLAGS", in lower case; later versions may have more behind that.
func parseTrace(trace *[16]byte, text string) bool {
	const length = 2 + 1 + 32 + 1 + 16 + 1 + 2
	if len(text) < length || len(text) > length && (text[:2] == "00" || text[length] != '-') || text[:2] == "ff" ||
		text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return false
	}
	for _, c := range text[:length] {
		if c >= 'A' && c <= 'F' {
			return false
		}
	}
	var parent [8]byte
	var rest [1]byte
	for _, part := range []struct {
		to   []byte
		from string
	}{{rest[:], text[:2]}, {rest[:], text[53:55]}, {parent[:], text[36:52]}, {trace[:], text[3:35]}} {
		if _, err := hex.Decode(part.to, []byte(part.from)); err != nil {
			return false
		}
	}
	return parent != [8]byte{} && *trace != [16]byte{}
}

// nameSpan names the span of a call that came by gRPC.
func (c *Call) nameSpan() { c.span = newSpan(traceparentOf(c.ctx)) }

// traceparentOf is what the client of a gRPC call sent as such, "" for nothing.
func traceparentOf(ctx context.Context) string {
	if v := metadata.ValueFromIncomingContext(ctx, "traceparent"); len(v) > 0 {
		return v[0]
	}
	return ""
}

// link tells the calls of a batch of each other: the leader of all, and these of the leader.
func link(leader *Call, calls int) {
	spans := make([]*Span, 0, calls)
	for m := leader; m != nil; m = m.follower {
		spans = append(spans, m.span)
	}
	leader.linked = spans[1:]
	for m := leader.follower; m != nil; m = m.follower {
		m.linked = spans[:1:1]
	}
}
