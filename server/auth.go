package server

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hotpath/hotpath/server/registry"
)

// Identity is who calls: an API key, or whom a token names. What is kept for it, such as the limits in force, is shared by all its calls.
type Identity struct {
	ID    string // of the key, or the subject of the token
	Scope registry.Scope

	models          []string // that it is for, sorted; nil for all
	seen            atomic.Pointer[view]
	expires         time.Time // zero for never
	hash            [sha256.Size]byte
	old             [sha256.Size]byte // the secret before, good until oldUntil; zero for none
	oldUntil        time.Time
	limits          registry.Limits
	interval, burst int64 // of the rate, ns
	used            *allowance
	token           bool // it is named by a token
}

// Allows reports whether a caller with this identity has a right; nil has no more than Predict.
func (i *Identity) Allows(right Right) bool {
	return right <= Predict || i != nil && i.Scope == registry.Admin
}

// keyring is the API keys that are valid now.
type keyring struct {
	keys atomic.Pointer[[]*Identity]
	// demanded is set by the first key ever seen and never cleared: revoking the last key must not open the server.
	demanded atomic.Bool
}

// set is called by one goroutine at a time. A key that stays keeps what it has used of its limits.
func (k *keyring) set(keys []registry.Key) {
	used := map[string]*allowance{}
	if old := k.keys.Load(); old != nil {
		for _, i := range *old {
			used[i.ID] = i.used
		}
	}
	ids := make([]*Identity, len(keys))
	for n, key := range keys {
		i := &Identity{ID: key.ID, Scope: key.Scope, used: used[key.ID], models: slices.Sorted(slices.Values(key.Models)),
			expires: key.Expires, hash: key.Hash, old: key.OldHash, oldUntil: key.OldUntil}
		if i.used == nil {
			i.used = &allowance{}
		}
		i.setLimits(key.Limits)
		ids[n] = i
	}
	k.keys.Store(&ids)
	if len(keys) > 0 {
		k.demanded.Store(true)
	}
}

// all is the keys at this moment.
func (k *keyring) all() []*Identity {
	if keys := k.keys.Load(); keys != nil {
		return *keys
	}
	return nil
}

// find finds the identity of a secret, nil if it has none that is valid now. Hashes have one length and are compared in
// constant time, all of them.
func (k *keyring) find(secret []byte) (who *Identity) {
	keys := k.keys.Load()
	if keys == nil || len(secret) == 0 {
		return nil
	}
	hash := registry.HashKey(secret)
	for _, id := range *keys {
		if subtle.ConstantTimeCompare(hash[:], id.hash[:]) == 1 {
			who = id
		}
		if !id.oldUntil.IsZero() && subtle.ConstantTimeCompare(hash[:], id.old[:]) == 1 && time.Now().Before(id.oldUntil) {
			who = id
		}
	}
	if who != nil && who.expired() {
		return nil
	}
	return who
}

func (i *Identity) expired() bool { return !i.expires.IsZero() && !time.Now().Before(i.expires) }

// Identify finds the caller with an API key or token, for protocols beside HTTP. While there are no keys, every caller is nil,
// who has the right Predict. Errors wrap ErrUnauthorized, or ErrForbidden for a token without rights here.
func (s *Server) Identify(secret []byte) (*Identity, error) {
	if !s.keys.demanded.Load() {
		return nil, nil
	}
	if t := s.tokens.Load(); t != nil && isToken(secret) {
		return t.identify(secret)
	}
	who := s.keys.find(secret)
	switch {
	case len(secret) == 0:
		return nil, Fail(ErrUnauthorized, "an API key is needed, as Authorization: Bearer or X-API-Key")
	case who == nil:
		return nil, Fail(ErrUnauthorized, "the API key is not valid, or no longer")
	}
	return who, nil
}

// allows reports whether a caller has a right. While there are no keys everyone has those below Admin, and trusted callers all.
func (s *Server) allows(who *Identity, right Right, trusted bool) bool {
	if !s.keys.demanded.Load() {
		return right < Admin || trusted
	}
	return who.Allows(right)
}

// permit finds the caller with a secret, and proves that it has a right. It names a caller that is refused too, for the audit log.
func (s *Server) permit(secret []byte, right Right, trusted bool) (*Identity, error) {
	who, err := s.Identify(secret)
	if err == nil && !s.allows(who, right, trusted) {
		err = Fail(ErrForbidden, "this needs an admin key (hotpath keys create --scope admin)")
	}
	return who, err
}

// trusted reports whether what comes by the listener is from those who manage this machine.
func (l *listener) trusted() bool { return l.admin && l.loopback }

// authorize proves that the caller has the right of the route.
func (r *Request) authorize(route *Route) (err error) {
	if route.Right == Public {
		return nil
	}
	var buf [128]byte
	r.call.who, err = r.srv.permit(credential(&r.ctx.Request.Header, buf[:]), route.Right, r.listener.trusted())
	if errors.Is(err, ErrUnauthorized) {
		scheme := `Bearer realm="hotpath"`
		if route.Page {
			scheme = `Basic realm="hotpath: any user name, an API key as password"`
		}
		r.Header(fasthttp.HeaderWWWAuthenticate, scheme)
	}
	if err == nil && route.Right > Predict {
		err = r.within(route, r.call.who)
	}
	return err
}

// notKey is what credential finds where something else is given than a key; what is wrong differs from what is absent.
var notKey = []byte{0}

// May reports whether the listener of the request has a route, and the caller its right.
func (r *Request) May(method, path string) bool {
	return slices.ContainsFunc(r.listener.router.routes, func(route Route) bool {
		return route.Method == method && route.Path == path && r.srv.allows(r.call.who, route.Right, r.listener.trusted())
	})
}

// credential finds the API key of a request: a bearer token, the X-API-Key header, or the password of basic
// authentication, which is how browsers send one. buf is where the latter is decoded.
func credential(h *fasthttp.RequestHeader, buf []byte) (secret []byte) {
	if key := h.Peek("X-API-Key"); len(key) > 0 {
		return key
	}
	auth := h.Peek(fasthttp.HeaderAuthorization)
	scheme, token, ok := bytes.Cut(auth, []byte(" "))
	if !ok {
		if len(auth) > 0 {
			return notKey
		}
		return nil
	}
	token = bytes.TrimSpace(token)
	switch {
	case strings.EqualFold(string(scheme), "Bearer"):
		return token
	case strings.EqualFold(string(scheme), "Basic") && base64.StdEncoding.DecodedLen(len(token)) <= len(buf):
		n, err := base64.StdEncoding.Decode(buf, token)
		_, password, found := bytes.Cut(buf[:n], []byte(":"))
		if err == nil && found {
			return password
		}
	}
	return notKey
}

// checkOrigin keeps other web sites out. A browser names the page a request comes from in Origin, which must be ours; on a plain
// listener also that of https, where TLS ends in a proxy in front. While neither keys nor everyone are allowed in on loopback, the
// Host must be a loopback name too: a rebound DNS name has the same Origin and Host.
func (r *Request) checkOrigin() error {
	h := &r.ctx.Request.Header
	host := h.Host()
	if r.listener.loopback && !r.srv.keys.demanded.Load() && !r.srv.cfg.AllowAnonymous && !loopbackHost(host) {
		return Fail(ErrHost, "the Host header must be localhost or a loopback address while there are no API keys, unless --allow-anonymous is given")
	}
	origin := h.Peek(fasthttp.HeaderOrigin)
	if len(origin) == 0 {
		return nil
	}
	scheme, rest, _ := bytes.Cut(origin, []byte("://"))
	if string(scheme) != "https" && (string(scheme) != "http" || r.listener.tls != nil) || !bytes.Equal(rest, host) {
		return Fail(ErrForbidden, "requests from pages of another origin are not allowed")
	}
	return nil
}

// loopbackHost reports whether a Host header names this machine's loopback. The usual spellings cost no allocation.
func loopbackHost(host []byte) bool {
	name := host
	if i := bytes.LastIndexByte(host, ':'); i >= 0 && !bytes.HasSuffix(host, []byte("]")) {
		name = host[:i]
	}
	if string(name) == "127.0.0.1" || strings.EqualFold(string(name), "localhost") || string(name) == "[::1]" {
		return true
	}
	ip := net.ParseIP(strings.Trim(string(name), "[]"))
	return ip != nil && ip.IsLoopback()
}
