package server

import (
	"crypto/sha256"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/hotpath/hotpath/server/registry"
)

// Tokens says which bearer tokens (JWT, RFC 7519) are accepted beside API keys. Their claims mean:
//
//	sub              who calls, for logs
//	aud              must hold Audience
//	iss              must be Issuer, where that is given
//	exp, nbf, iat    when they are valid; exp is demanded, clocks may differ by 30 s
//	scope, or scp    words of which one must be hotpath:predict or hotpath:admin
//	hotpath_models   a list of the models that the token is for; absent for all
type Tokens struct {
	KeysFile string // JSON Web Key Set (RFC 7517) that signatures are proven with, read anew when it changes
	Issuer   string // URL; without a KeysFile its keys are found by OpenID Connect Discovery and fetched anew in time
	Audience string // demanded

	// Limits are of each caller that tokens name, whichever of its tokens it comes with. By is the claim that names the
	// caller for that, such as client_id; where it is empty or missing in a token that is sub, and tokens with neither
	// count as those of one caller.
	Limits registry.Limits
	By     string
}

func (t Tokens) enabled() bool { return t.KeysFile != "" || t.Issuer != "" }

// algorithms are the signatures that tokens may have. None is symmetric: who can check a token must not be able to make
// one.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}

const (
	maxToken  = 8 << 10          // bytes of a token
	clockSkew = 30 * time.Second // between the clocks of issuer and server
	maxProven = 4096             // tokens that are remembered
)

// tokens proves tokens. What was proven is remembered while its keys stay: a signature costs more than an inference.
type tokens struct {
	Tokens
	keys    *keySet
	callers *subjects

	mu         sync.RWMutex
	proven     map[[sha256.Size]byte]*Identity
	generation int64 // of the keys that proved them
}

func (t Tokens) open(log *slog.Logger) (*tokens, error) {
	if t.Audience == "" {
		return nil, errors.New("tokens: expected an audience: a token for another service must not be good here")
	}
	keys, err := openKeySet(t, log)
	if err != nil {
		return nil, err
	}
	return &tokens{Tokens: t, keys: keys, callers: newSubjects(maxSubjects), proven: map[[sha256.Size]byte]*Identity{}}, nil
}

// isToken tells tokens from API keys, which hold no dots.
func isToken(secret []byte) bool { return strings.Count(string(secret), ".") == 2 }

// identify finds the caller that a token names. Errors wrap ErrUnauthorized, or ErrForbidden where the token is good and
// of no use here.
func (t *tokens) identify(token []byte) (*Identity, error) {
	if len(token) > maxToken {
		return nil, Fail(ErrUnauthorized, "the token is larger than %d bytes", maxToken)
	}
	t.keys.renew()
	hash := sha256.Sum256(token)
	generation := t.keys.generation.Load()
	t.mu.RLock()
	who := t.proven[hash]
	if t.generation != generation {
		who = nil
	}
	t.mu.RUnlock()
	if who != nil && !who.expired() {
		return who, nil
	}
	who, err := t.prove(string(token))
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	if t.generation != generation || len(t.proven) >= maxProven {
		clear(t.proven)
		t.generation = generation
	}
	t.proven[hash] = who
	t.mu.Unlock()
	return who, nil
}

// claims are those that the library does not know.
type claims struct {
	Scope  words     `json:"scope"`
	SCP    words     `json:"scp"`
	Models *[]string `json:"hotpath_models"`
}

// prove checks the signature first: nothing in a token that is not proven is told or acted on.
func (t *tokens) prove(token string) (*Identity, error) {
	invalid := Fail(ErrUnauthorized, "the token is not valid")
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil || len(parsed.Headers) != 1 {
		return nil, invalid
	}
	key, ok := t.keys.find(parsed.Headers[0].KeyID, parsed.Headers[0].Algorithm)
	if !ok {
		return nil, invalid
	}
	var standard jwt.Claims
	var own claims
	var all map[string]any
	if err := parsed.Claims(key, &standard, &own, &all); err != nil {
		return nil, invalid
	}
	switch err := standard.ValidateWithLeeway(jwt.Expected{Issuer: t.Issuer, AnyAudience: jwt.Audience{t.Audience}}, clockSkew); {
	case errors.Is(err, jwt.ErrExpired):
		return nil, Fail(ErrUnauthorized, "the token has expired")
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		return nil, Fail(ErrUnauthorized, "the token is not valid yet")
	case errors.Is(err, jwt.ErrInvalidAudience), errors.Is(err, jwt.ErrInvalidIssuer):
		return nil, Fail(ErrUnauthorized, "the token is not for this service")
	case err != nil:
		return nil, invalid
	case standard.Expiry == nil:
		return nil, Fail(ErrUnauthorized, "the token has no exp")
	}
	who, err := own.identity(standard.Subject, standard.Expiry.Time().Add(clockSkew))
	if err != nil {
		return nil, err
	}
	who.used = t.callers.find(t.caller(standard.Subject, all))
	who.setLimits(t.Limits)
	return who, nil
}

// caller is whose limits count.
func (t *tokens) caller(subject string, all map[string]any) string {
	if name, _ := all[t.By].(string); name != "" && t.By != "sub" {
		return t.By + "=" + name
	}
	return "sub=" + subject
}

// identity is who a proven token names.
func (c claims) identity(subject string, expires time.Time) (*Identity, error) {
	who := &Identity{ID: subject, expires: expires, token: true}
	scopes := append(c.Scope, c.SCP...)
	switch {
	case slices.Contains(scopes, "hotpath:admin"):
		who.Scope = registry.Admin
	case slices.Contains(scopes, "hotpath:predict"):
		who.Scope = registry.Predict
	default:
		return nil, Fail(ErrForbidden, "the token has neither the scope hotpath:predict nor hotpath:admin")
	}
	if c.Models != nil {
		if len(*c.Models) == 0 {
			return nil, Fail(ErrForbidden, "the token is for no model")
		}
		who.models = slices.Sorted(slices.Values(*c.Models))
	}
	return who, nil
}
