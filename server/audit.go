package server

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/hotpath/hotpath/server/registry"
)

// Audit is a file that says who managed what, and who was refused: one JSON object per line, and never a secret.
//
//	time         when it was answered, UTC
//	who, scope   id of the API key or subject of the token, or for a command the user of the system; absent for an unknown
//	             caller
//	certificate  name in the client's certificate, if there is one
//	from         address of the client, "command" for one given on this machine to its store, "store" for a change of keys that
//	             the server found there
//	action       method and path of the route, full name of the gRPC method, words of the command, or "key added", "key
//	             changed", "key removed"
//	target       what the path or the command names, and then what came of it: the version that was published, or that a
//	             label points to now, and its digest; the model of a gRPC call; the id of a key
//	result       HTTP status, gRPC code, or for a command done or failed
//	error        the reason that the client was told
//	dropped      refusals since the line before that were too many to be written
type Audit struct {
	mu      sync.Mutex
	file    *os.File
	second  int64 // of the refusals counted
	refused int   // in it
	dropped int64
}

// maxRefused is the most refusals that are written per second: callers without credentials must not fill a disk.
const maxRefused = 20

// OpenAudit opens a file to append to; only its owner can read it.
func OpenAudit(path string) (*Audit, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	if err := f.Chmod(0o600); err != nil {
		f.Close()
		return nil, fmt.Errorf("audit log: %w", err)
	}
	return &Audit{file: f}, nil
}

// Close closes the file.
func (a *Audit) Close() error { return a.file.Close() }

type auditLine struct {
	Time        time.Time      `json:"time"`
	Who         string         `json:"who,omitempty"`
	Scope       registry.Scope `json:"scope,omitempty"`
	Certificate string         `json:"certificate,omitempty"`
	From        string         `json:"from"`
	Action      string         `json:"action"`
	Target      []string       `json:"target,omitempty"`
	Result      any            `json:"result,omitempty"`
	Error       string         `json:"error,omitempty"`
	Dropped     int64          `json:"dropped,omitempty"`
}

// maxAudited is the most bytes of a text that a client chose.
const maxAudited = 256

func cut(text string) string {
	if len(text) > maxAudited {
		return text[:maxAudited]
	}
	return text
}

// Command writes down a command that was given on this machine: by whom, to do what with what, and with which error, nil
// if it is done. Errors are those of the file.
func (a *Audit) Command(who, action string, target []string, err error) error {
	line := auditLine{Who: who, From: "command", Action: action, Target: target, Result: "done"}
	if err != nil {
		line.Result, line.Error = "failed", err.Error()
	}
	return a.append(&line, true)
}

// write appends a line. A change is on the disk before it is answered; refusals are as safe as the system keeps them.
func (a *Audit) write(log *slog.Logger, line auditLine, refusal bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if refusal {
		if s := time.Now().Unix(); s != a.second {
			a.second, a.refused = s, 0
		}
		if a.refused++; a.refused > maxRefused {
			a.dropped++
			return
		}
	}
	line.Dropped, a.dropped = a.dropped, 0
	if err := a.append(&line, !refusal); err != nil {
		log.Error("the audit log is not complete", "error", err)
	}
}

// append appends a line in one write, as several processes may do.
func (a *Audit) append(line *auditLine, sync bool) error {
	line.Time = time.Now().UTC()
	line.Who, line.Certificate, line.Error = cut(line.Who), cut(line.Certificate), cut(line.Error)
	for i := range line.Target {
		line.Target[i] = cut(line.Target[i])
	}
	text, err := json.Marshal(line) // which escapes what could end a line
	if err == nil {
		_, err = a.file.Write(append(text, '\n'))
	}
	if err == nil && sync {
		err = a.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

// audit writes a request down that was refused for who sent it, or that manages something.
func (r *Request) audit(route *Route, err error) {
	code := r.ctx.Response.StatusCode()
	refusal := code == fasthttp.StatusUnauthorized || code == fasthttp.StatusForbidden
	if route == nil || !refusal && route.Right != Admin {
		return
	}
	line := auditLine{From: r.ctx.RemoteAddr().String(), Action: route.Method + " " + route.Path, Result: code, Certificate: nameIn(r.ctx.TLSConnectionState())}
	for i := range strings.Count(route.Path, "{") {
		line.Target = append(line.Target, r.Param(i))
	}
	line.Target = append(line.Target, r.audited...)
	line.by(r.call.who, err)
	r.srv.cfg.Audit.write(r.srv.cfg.Log, line, refusal)
}

// Audited adds to what the audit log will say that a change was about.
func (r *Request) Audited(what ...string) { r.audited = append(r.audited, what...) }

// auditCall is audit for a gRPC call.
func (s *Server) auditCall(ctx context.Context, right Right, method string, request any, err error) {
	code := status.Code(err)
	refusal := err != nil && (codeOf(ErrUnauthorized) == code || codeOf(ErrForbidden) == code)
	if s.cfg.Audit == nil || !refusal && right != Admin {
		return
	}
	line := auditLine{Action: method, Result: code.String()}
	if p, ok := peer.FromContext(ctx); ok {
		line.From = p.Addr.String()
		if info, ok := p.AuthInfo.(credentials.TLSInfo); ok {
			line.Certificate = nameIn(&info.State)
		}
	}
	if m, ok := request.(interface{ GetModelName() string }); ok {
		line.Target = []string{m.GetModelName()}
	}
	if err != nil {
		err = Fail(ErrRequest, "%s", status.Convert(err).Message())
	}
	line.by(CallerOf(ctx), err)
	s.cfg.Audit.write(s.cfg.Log, line, refusal)
}

// by fills in who, and what went wrong unless that is ours: such errors are in the log.
func (l *auditLine) by(who *Identity, err error) {
	if who != nil {
		l.Who, l.Scope = who.ID, who.Scope
	}
	if err != nil && Status(err) != fasthttp.StatusInternalServerError {
		l.Error = err.Error()
	}
}

// nameIn is the name in the certificate of a client, "" without one.
func nameIn(state *tls.ConnectionState) string {
	if state == nil || len(state.PeerCertificates) == 0 {
		return ""
	}
	return state.PeerCertificates[0].Subject.String()
}

// auditKeys writes down how the keys of the store differ from those before.
func (s *Server) auditKeys(before, after []*Identity) {
	if s.cfg.Audit == nil {
		return
	}
	was := map[string]*Identity{}
	for _, i := range before {
		was[i.ID] = i
	}
	write := func(what string, i *Identity) {
		s.cfg.Audit.write(s.cfg.Log, auditLine{From: "store", Action: what, Target: []string{i.ID, string(i.Scope)}}, false)
	}
	for _, i := range after {
		old := was[i.ID]
		delete(was, i.ID)
		switch {
		case old == nil:
			write("key added", i)
		case old.hash != i.hash:
			write("key changed", i)
		}
	}
	for _, i := range before {
		if was[i.ID] != nil {
			write("key removed", i)
		}
	}
}
