package main

import (
	"fmt"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
)

// tokenFlags are the limits of callers with tokens, each of whom has them for itself.
type tokenFlags struct {
	TokenBy         string    `help:"Claim of a token that says whose limits its requests count towards, such as client_id; the subject where it is missing." default:"sub" placeholder:"CLAIM"`
	TokenRate       perSecond `help:"Most requests per time of one caller with tokens, such as 100/s." placeholder:"N/s"`
	TokenBurst      int       `help:"Requests at once beyond that (default: what one second allows)." placeholder:"N"`
	TokenConcurrent int       `help:"Most requests of one caller with tokens at the same time." placeholder:"N"`
	TokenQuota      perDay    `help:"Most requests of one caller with tokens per day (UTC)." placeholder:"N/day"`
	TokenPriority   *int      `help:"Most urgent place in a queue, 0 to 7, that requests with tokens may ask for (default: 3)." placeholder:"N"`
}

// limits is what the flags say.
func (f *tokenFlags) limits() (registry.Limits, error) {
	l := registry.Limits{Rate: float64(f.TokenRate), Burst: f.TokenBurst, Concurrent: f.TokenConcurrent, Quota: int64(f.TokenQuota), Priority: f.TokenPriority}
	if err := l.Check(); err != nil {
		return l, fmt.Errorf("--token-…: %w: %w", err, errUsage)
	}
	return l, nil
}

// tokens is which tokens are accepted.
func (c *serveCmd) tokens() (server.Tokens, error) {
	if (c.JWKS != "" || c.OIDC != "") != (c.Audience != "") {
		return server.Tokens{}, fmt.Errorf("--audience: expected with --jwks or --oidc, and only with them: %w", errUsage)
	}
	limits, err := c.tokenFlags.limits()
	return server.Tokens{KeysFile: c.JWKS, Issuer: c.OIDC, Audience: c.Audience, By: c.TokenBy, Limits: limits}, err
}
