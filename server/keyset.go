package server

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// keySet is the public keys of an issuer of tokens.
type keySet struct {
	from   Tokens
	log    *slog.Logger
	client http.Client

	keys       atomic.Pointer[[]jose.JSONWebKey]
	generation atomic.Int64 // counts the sets
	next       atomic.Int64 // moment at which the set is due to be read anew
	tried      atomic.Int64 // moment of the last fetch, whatever came of it
	mu         sync.Mutex   // held while the set is read
	stamp      stamp        // of the file
}

const (
	keysFor    = 15 * time.Minute // after which fetched keys are fetched anew: the longest that a withdrawn one is good
	fetchEvery = 30 * time.Second // between fetches that tokens with unknown keys ask for
	maxKeySet  = 1 << 20          // bytes of a document
)

func openKeySet(t Tokens, log *slog.Logger) (*keySet, error) {
	k := &keySet{from: t, log: log, client: http.Client{Timeout: 5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	k.keys.Store(&[]jose.JSONWebKey{})
	if t.KeysFile == "" {
		if _, err := secureURL(t.Issuer); err != nil {
			return nil, fmt.Errorf("issuer of tokens: %w", err)
		}
	}
	err := k.read()
	if err != nil && t.KeysFile != "" {
		return nil, err
	}
	if err != nil { // an issuer that is away must not keep those with API keys out
		log.Error("no token is accepted until the keys of the issuer can be fetched", "error", err)
	}
	return k, nil
}

// renew reads the set anew when its time has come, a fetch beside the request.
func (k *keySet) renew() {
	t := now()
	due := k.next.Load()
	if int64(t) < due || !k.next.CompareAndSwap(due, int64(t.add(fetchEvery))) { // which read sets again if it succeeds
		return
	}
	if k.from.KeysFile != "" {
		k.reread()
		return
	}
	go k.reread()
}

// reread reads the set unless that is being done; one that cannot be read leaves the keys there are.
func (k *keySet) reread() {
	if !k.mu.TryLock() {
		return
	}
	defer k.mu.Unlock()
	if err := k.readLocked(); err != nil {
		k.log.Error("the keys of tokens cannot be read anew, those before stay", "error", err)
	}
}

func (k *keySet) read() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.readLocked()
}

func (k *keySet) readLocked() error {
	var text []byte
	var err error
	again, st := keysFor, stamp{}
	if k.from.KeysFile != "" {
		again = reloadEvery
		k.next.Store(int64(now().add(again)))
		info, err := os.Stat(k.from.KeysFile)
		if err != nil {
			return fmt.Errorf("keys of tokens: %w", err)
		}
		st = stamp{info.ModTime(), info.Size()}
		if st == k.stamp {
			return nil
		}
		if text, err = os.ReadFile(k.from.KeysFile); err != nil {
			return fmt.Errorf("keys of tokens: %w", err)
		}
	} else {
		k.tried.Store(int64(now()))
		if text, err = k.discover(); err != nil {
			return err
		}
	}
	keys, err := readKeySet(text)
	if err != nil {
		return err
	}
	k.stamp = st
	k.keys.Store(&keys)
	k.generation.Add(1)
	k.next.Store(int64(now().add(again)))
	return nil
}

// find finds the key with an id that makes signatures of a kind; without an id, the only key. An id that is not known
// may be of a new key: the set is fetched then, but not more often than tokens that are made up may cause.
func (k *keySet) find(id, algorithm string) (*jose.JSONWebKey, bool) {
	key, ok := k.among(id, algorithm)
	if ok || k.from.KeysFile != "" {
		return key, ok
	}
	if now().since(moment(k.tried.Load())) < fetchEvery {
		return nil, false
	}
	k.reread()
	return k.among(id, algorithm)
}

func (k *keySet) among(id, algorithm string) (*jose.JSONWebKey, bool) {
	keys := *k.keys.Load()
	for i := range keys {
		if (keys[i].KeyID == id || id == "" && len(keys) == 1) && keys[i].Algorithm == algorithm {
			return &keys[i], true
		}
	}
	return nil, false
}

// readKeySet takes the public keys out of a set that signatures we accept are made with. Each gets the one algorithm that
// its kind has here.
func readKeySet(text []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("keys of tokens: not a JSON Web Key Set: %w", err)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(raw); err != nil {
			continue // of a kind that is not known here
		}
		var algorithm jose.SignatureAlgorithm
		switch public := key.Key.(type) {
		case *rsa.PublicKey:
			if public.N.BitLen() >= 2048 {
				algorithm = jose.RS256
			}
		case *ecdsa.PublicKey:
			if public.Curve == elliptic.P256() {
				algorithm = jose.ES256
			}
		case ed25519.PublicKey:
			algorithm = jose.EdDSA
		}
		if algorithm == "" || key.Use != "" && key.Use != "sig" || key.Algorithm != "" && key.Algorithm != string(algorithm) {
			continue
		}
		key.Algorithm = string(algorithm)
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("keys of tokens: none is a public key for RS256 (of 2048 bits or more), ES256 or EdDSA")
	}
	return keys, nil
}

// discover fetches the keys of the issuer (OpenID Connect Discovery 1.0, section 4).
func (k *keySet) discover() ([]byte, error) {
	text, err := k.get(strings.TrimSuffix(k.from.Issuer, "/") + "/.well-known/openid-configuration")
	if err != nil {
		return nil, err
	}
	var about struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(text, &about); err != nil {
		return nil, fmt.Errorf("issuer of tokens %s: %w", k.from.Issuer, err)
	}
	if about.Issuer != k.from.Issuer {
		return nil, fmt.Errorf("issuer of tokens %s calls itself %q", k.from.Issuer, about.Issuer)
	}
	return k.get(about.JWKSURI)
}

func (k *keySet) get(address string) ([]byte, error) {
	u, err := secureURL(address)
	if err != nil {
		return nil, fmt.Errorf("keys of tokens: %w", err)
	}
	resp, err := k.client.Get(u)
	if err != nil {
		return nil, fmt.Errorf("keys of tokens: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("keys of tokens: %w", err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("keys of tokens: %s answers %s", address, resp.Status)
	case len(text) > maxKeySet:
		return nil, fmt.Errorf("keys of tokens: %s answers more than %d bytes", address, maxKeySet)
	}
	return text, nil
}

// secureURL proves that what comes from an address can be trusted: over TLS, or from this machine.
func secureURL(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && local) {
		return "", fmt.Errorf("%q: expected an https URL", address)
	}
	return u.String(), nil
}

// words is a claim that some issuers write as words in one text and others as a list.
type words []string

// UnmarshalJSON implements json.Unmarshaler.
func (w *words) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*w = strings.Fields(text)
		return nil
	}
	return json.Unmarshal(data, (*[]string)(w))
}
