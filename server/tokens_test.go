package server_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc/codes"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
	"github.com/hotpath/hotpath/server/servertest"
)

// issuer signs tokens of tests.
type issuer struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
	ed  ed25519.PrivateKey
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{r, e, ed}
}

// set is the public keys, as a JSON Web Key Set whose ids begin with prefix.
func (i *issuer) set(t testing.TB, prefix string) []byte {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{KeyID: prefix + "rsa", Key: &i.rsa.PublicKey, Use: "sig"}, {KeyID: prefix + "ec", Key: &i.ec.PublicKey, Algorithm: "ES256"},
		{KeyID: prefix + "ed", Key: i.ed.Public()}, {KeyID: prefix + "secret", Key: []byte("0123456789abcdef0123456789abcdef")},
		{KeyID: prefix + "enc", Key: &i.rsa.PublicKey, Use: "enc"}}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func encode(v any) string {
	text, ok := v.(string)
	if !ok {
		data, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		text = string(data)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// sign makes a token by hand, so that no library keeps a bad one from being made. How it is signed follows from how.
func (i *issuer) sign(t testing.TB, how string, header, claims any) string {
	t.Helper()
	signed := encode(header) + "." + encode(claims)
	hash := sha256.Sum256([]byte(signed))
	var signature []byte
	var err error
	switch how {
	case "RS256":
		signature, err = rsa.SignPKCS1v15(rand.Reader, i.rsa, crypto.SHA256, hash[:])
	case "ES256":
		r, s, signErr := ecdsa.Sign(rand.Reader, i.ec, hash[:])
		err, signature = signErr, make([]byte, 64)
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
	case "EdDSA":
		signature = ed25519.Sign(i.ed, []byte(signed))
	case "HS256 with the public key":
		der, _ := x509.MarshalPKIXPublicKey(&i.rsa.PublicKey)
		mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		mac.Write([]byte(signed))
		signature = mac.Sum(nil)
	case "HS256 with the secret of the set":
		mac := hmac.New(sha256.New, []byte("0123456789abcdef0123456789abcdef"))
		mac.Write([]byte(signed))
		signature = mac.Sum(nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

type object = map[string]any

// good is claims that are accepted, with changes; a nil takes one away.
func good(changes object) object {
	c := object{"iss": "https://issuer.example", "aud": []string{"other", "hotpath"}, "sub": "alice", "exp": time.Now().Unix() + 600, "scope": "openid hotpath:predict"}
	for name, v := range changes {
		if c[name] = v; v == nil {
			delete(c, name)
		}
	}
	return c
}

// startTokens serves with tokens of an issuer whose keys are in a file.
func startTokens(t testing.TB, i *issuer) (s *server.Server, keys string) {
	t.Helper()
	keys = filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, i.set(t, ""), 0o600); err != nil {
		t.Fatal(err)
	}
	store := registry.New(t.TempDir())
	return start(t, func(c *server.Config) {
		c.Keys, c.GRPC = store, "127.0.0.1:0"
		c.Sources = append(c.Sources, servertest.Source("other", servertest.Model(3, 2))...)
		c.Tokens = server.Tokens{KeysFile: keys, Issuer: "https://issuer.example", Audience: "hotpath"}
	}), keys
}

// TestAU03Tokens sends tokens that must be accepted and ones that must not, over HTTP and gRPC.
func TestAU03Tokens(t *testing.T) {
	i := newIssuer(t)
	s, _ := startTokens(t, i)
	conn := dial(t, s)
	now := time.Now().Unix()
	rs, es, ed := object{"alg": "RS256", "kid": "rsa"}, object{"alg": "ES256", "kid": "ec"}, object{"alg": "EdDSA", "kid": "ed"}
	rsToken := i.sign(t, "RS256", rs, good(nil))
	parts := strings.Split(rsToken, ".")
	for name, c := range map[string]struct {
		token string
		code  int
	}{
		"RS256":                   {rsToken, 200},
		"ES256":                   {i.sign(t, "ES256", es, good(nil)), 200},
		"EdDSA":                   {i.sign(t, "EdDSA", ed, good(nil)), 200},
		"scp as a list":           {i.sign(t, "ES256", es, good(object{"scope": nil, "scp": []string{"hotpath:admin"}})), 200},
		"aud as text":             {i.sign(t, "ES256", es, good(object{"aud": "hotpath"})), 200},
		"exp within the skew":     {i.sign(t, "ES256", es, good(object{"exp": now - 5})), 200},
		"nbf within the skew":     {i.sign(t, "ES256", es, good(object{"nbf": now + 20})), 200},
		"exp with a fraction":     {i.sign(t, "ES256", es, good(object{"exp": float64(now) + 600.5})), 200},
		"no scope":                {i.sign(t, "ES256", es, good(object{"scope": nil})), 403},
		"another scope":           {i.sign(t, "ES256", es, good(object{"scope": "hotpath:predictor"})), 403},
		"for no model":            {i.sign(t, "ES256", es, good(object{"hotpath_models": []string{}})), 403},
		"models as text":          {i.sign(t, "ES256", es, good(object{"hotpath_models": "m"})), 401},
		"another model":           {i.sign(t, "ES256", es, good(object{"hotpath_models": []string{"other"}})), 404},
		"this model":              {i.sign(t, "ES256", es, good(object{"hotpath_models": []string{"m"}})), 200},
		"no audience":             {i.sign(t, "ES256", es, good(object{"aud": nil})), 401},
		"another audience":        {i.sign(t, "ES256", es, good(object{"aud": "hotpath2"})), 401},
		"another issuer":          {i.sign(t, "ES256", es, good(object{"iss": "https://issuer.example.evil"})), 401},
		"no issuer":               {i.sign(t, "ES256", es, good(object{"iss": nil})), 401},
		"expired":                 {i.sign(t, "ES256", es, good(object{"exp": now - 60})), 401},
		"exp as text":             {i.sign(t, "ES256", es, good(object{"exp": "9999999999"})), 401},
		"exp huge":                {i.sign(t, "ES256", es, strings.Replace(string(mustJSON(good(nil))), `"exp":`, `"exp":1e300,"x":`, 1)), 401},
		"no exp":                  {i.sign(t, "ES256", es, good(object{"exp": nil})), 401},
		"not yet":                 {i.sign(t, "ES256", es, good(object{"nbf": now + 60})), 401},
		"issued in the future":    {i.sign(t, "ES256", es, good(object{"iat": now + 3600})), 401},
		"alg none":                {encode(object{"alg": "none"}) + "." + encode(good(nil)) + ".", 401},
		"alg None":                {encode(object{"alg": "None", "kid": "rsa"}) + "." + encode(good(nil)) + ".", 401},
		"alg nOnE":                {encode(object{"alg": "nOnE", "kid": "rsa"}) + "." + encode(good(nil)) + "." + parts[2], 401},
		"no alg":                  {i.sign(t, "RS256", object{"kid": "rsa"}, good(nil)), 401},
		"HS256 with public key":   {i.sign(t, "HS256 with the public key", object{"alg": "HS256", "kid": "rsa"}, good(nil)), 401},
		"HS256 with set's secret": {i.sign(t, "HS256 with the secret of the set", object{"alg": "HS256", "kid": "secret"}, good(nil)), 401},
		"alg of another key":      {i.sign(t, "RS256", object{"alg": "ES256", "kid": "rsa"}, good(nil)), 401},
		"key of another alg":      {i.sign(t, "RS256", object{"alg": "RS256", "kid": "ec"}, good(nil)), 401},
		"key for encryption":      {i.sign(t, "RS256", object{"alg": "RS256", "kid": "enc"}, good(nil)), 401},
		"no kid among several":    {i.sign(t, "RS256", object{"alg": "RS256"}, good(nil)), 401},
		"kid traversal":           {i.sign(t, "RS256", object{"alg": "RS256", "kid": "../../etc/passwd"}, good(nil)), 401},
		"kid SQL":                 {i.sign(t, "RS256", object{"alg": "RS256", "kid": "' OR 1=1 --"}, good(nil)), 401},
		"kid number":              {i.sign(t, "RS256", object{"alg": "RS256", "kid": 7}, good(nil)), 401},
		"own key in the header":   {newIssuer(t).ownKey(t), 401},
		"crit":                    {i.sign(t, "RS256", object{"alg": "RS256", "kid": "rsa", "crit": []string{"x"}, "x": 1}, good(nil)), 401},
		"changed claims":          {parts[0] + "." + encode(good(object{"scope": "hotpath:admin"})) + "." + parts[2], 401},
		"expired and forged":      {parts[0] + "." + encode(good(object{"exp": now - 60})) + "." + parts[2], 401},
		"no signature":            {parts[0] + "." + parts[1] + ".", 401},
		"another's signature":     {newIssuer(t).sign(t, "RS256", rs, good(nil)), 401},
		"duplicate claims":        {i.sign(t, "ES256", es, strings.Replace(string(mustJSON(good(nil))), `"aud":`, `"aud":"hotpath","aud":`, 1)), 401},
		"not JSON":                {i.sign(t, "ES256", es, "claims"), 401},
		"dots":                    {strings.Repeat(".", 12000), 401},
		"two dots":                {"..", 401},
		"huge":                    {i.sign(t, "ES256", es, good(object{"x": strings.Repeat("x", 9000)})), 401},
	} {
		code, body, h := call(t, "POST", s.URL()+"/predict?model=m", goodBody, "Authorization", "Bearer "+c.token)
		if code != c.code || (code == 401) != (h.Get("WWW-Authenticate") != "") {
			t.Errorf("%s: %d %s, want %d", name, code, body, c.code)
		}
		if name == "expired and forged" && strings.Contains(body, "expired") {
			t.Errorf("%s: claims were looked at before the signature: %s", name, body)
		}
		got := invoke(conn, "/inference.GRPCInferenceService/ServerMetadata", "authorization", "Bearer "+c.token)
		if want := map[int]codes.Code{200: codes.Unknown, 404: codes.Unknown, // the end of the stream
			401: codes.Unauthenticated, 403: codes.PermissionDenied}[c.code]; got != want {
			t.Errorf("%s over gRPC: %v, want %v", name, got, want)
		}
	}
	// A second use is answered from memory, and must be for the same rights.
	for range 2 {
		if code, _, _ := call(t, "GET", s.URL()+"/metrics", "", "Authorization", "Bearer "+rsToken); code != 403 {
			t.Errorf("metrics with the scope predict: %d", code)
		}
	}
	if code, _, _ := call(t, "POST", s.URL()+"/predict?model=m", goodBody); code != 401 {
		t.Errorf("without a token: %d", code)
	}
}

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// ownKey is a token that brings the key to prove it with.
func (i *issuer) ownKey(t testing.TB) string {
	return i.sign(t, "RS256", object{"alg": "RS256", "kid": "rsa", "jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/",
		"jwk": jose.JSONWebKey{Key: &i.rsa.PublicKey, KeyID: "rsa", Algorithm: "RS256"}}, good(nil))
}

// TestTokenKeysFile takes over a new set of keys, stays with the one before while the new one cannot be read, and forgets
// what an old key proved.
func TestTokenKeysFile(t *testing.T) {
	old, next := newIssuer(t), newIssuer(t)
	s, file := startTokens(t, old)
	header := object{"alg": "EdDSA", "kid": "ed"}
	oldToken, nextToken := old.sign(t, "EdDSA", header, good(nil)), next.sign(t, "EdDSA", header, good(nil))
	code := func(token string) int {
		c, _, _ := call(t, "POST", s.URL()+"/predict?model=m", goodBody, "Authorization", "Bearer "+token)
		return c
	}
	if code(oldToken) != 200 || code(nextToken) != 401 {
		t.Fatal("the first keys are not in force")
	}
	if err := os.WriteFile(file, []byte(`{"keys": [`), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond) // a look is made each second
	if code(oldToken) != 200 {
		t.Error("half a file put an end to the keys")
	}
	if err := os.WriteFile(file, next.set(t, ""), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new keys are in force", func() bool { return code(nextToken) == 200 && code(oldToken) == 401 })
}

// TestTokenLimits holds each caller that tokens name to limits of its own, whichever of its tokens it comes with, by
// subject or by another claim, over HTTP and gRPC, and across servers of one store.
func TestTokenLimits(t *testing.T) {
	i := newIssuer(t)
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, i.set(t, ""), 0o600); err != nil {
		t.Fatal(err)
	}
	serial := 0
	token := func(changes object) string { // never the same twice
		serial++
		changes["jti"] = fmt.Sprint(serial)
		return i.sign(t, "EdDSA", object{"alg": "EdDSA", "kid": "ed"}, good(changes))
	}
	limited := func(store *registry.Store, by string, l registry.Limits) (*server.Server, func() error) {
		return servertest.StartStoppable(t, server.Config{Keys: store, APIs: apis, Sources: servertest.Source("m", servertest.Model(3, 1)),
			Tokens: server.Tokens{KeysFile: keys, Audience: "hotpath", By: by, Limits: l}})
	}
	ask := func(s *server.Server, changes object) (int, string) {
		code, body, h := call(t, "POST", s.URL()+"/predict?model=m", goodBody, "Authorization", "Bearer "+token(changes))
		if (code == 429) != (h.Get("Retry-After") != "") {
			t.Errorf("%d without Retry-After", code)
		}
		return code, body
	}
	count := func(s *server.Server, n int, changes func(n int) object) (passed int) {
		for k := range n {
			if code, _ := ask(s, changes(k)); code == 200 {
				passed++
			}
		}
		return passed
	}
	store := registry.New(t.TempDir())
	s, stop := limited(store, "", registry.Limits{Quota: 5})
	for _, who := range []string{"alice", "bob"} {
		if n := count(s, 8, func(int) object { return object{"sub": who} }); n != 5 {
			t.Errorf("%s: %d of 8 requests passed, want 5", who, n)
		}
	}
	if n := count(s, 8, func(int) object { return object{"sub": nil} }); n != 5 {
		t.Errorf("nobody in particular: %d of 8 requests passed, want 5", n)
	}
	if _, body := ask(s, object{"sub": "alice"}); !strings.Contains(body, "the caller that the token names may send 5 requests per day") {
		t.Error(body)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	other, stopOther := limited(store, "", registry.Limits{Quota: 5})
	if code, body := ask(other, object{"sub": "carol"}); code != 200 {
		t.Errorf("another caller: %d %s", code, body)
	}
	if code, _ := ask(other, object{"sub": "alice"}); code != 200 { // it is not known yet what it has used
		t.Error(code)
	}
	if err := stopOther(); err != nil { // which saves, and learns
		t.Fatal(err)
	}
	db, err := os.ReadFile(filepath.Join(store.Dir(), "registry.db"))
	if err != nil || strings.Contains(string(db), "alice") {
		t.Error("the name of a caller is in the store", err)
	}

	s, stop = limited(registry.New(t.TempDir()), "client_id", registry.Limits{Rate: 0.001, Burst: 3})
	byClient := func(n int) object {
		return object{"sub": strings.Repeat("u", n+1), "client_id": "app"}
	}
	if n := count(s, 6, byClient); n != 3 {
		t.Errorf("one client with many subjects: %d of 6 requests passed, want 3", n)
	}
	if n := count(s, 6, func(n int) object { return object{"sub": "app", "client_id": n} }); n != 3 { // no text: the subject counts
		t.Errorf("a client_id that is no text: %d of 6 requests passed, want 3", n)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// TestOIDC finds the keys of an issuer, follows a change of them, and fetches no more for made-up keys than is bounded.
func TestOIDC(t *testing.T) {
	first, second := newIssuer(t), newIssuer(t)
	var keys atomic.Pointer[[]byte]
	var fetched atomic.Int64
	set := first.set(t, "1-")
	keys.Store(&set)
	mux := http.NewServeMux()
	idp := httptest.NewServer(mux)
	defer idp.Close()
	mux.HandleFunc("/realm/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(object{"issuer": idp.URL + "/realm", "jwks_uri": idp.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		_, _ = w.Write(*keys.Load())
	})
	s := start(t, func(c *server.Config) { c.Tokens = server.Tokens{Issuer: idp.URL + "/realm", Audience: "hotpath"} })
	code := func(i *issuer, kid string) int {
		c, _, _ := call(t, "POST", s.URL()+"/predict", goodBody, "Authorization",
			"Bearer "+i.sign(t, "ES256", object{"alg": "ES256", "kid": kid}, good(object{"iss": idp.URL + "/realm"})))
		return c
	}
	if code(first, "1-ec") != 200 {
		t.Fatal("a token of the issuer is refused")
	}
	for range 20 {
		if code(second, "2-ec") != 401 {
			t.Fatal("an unknown key is accepted")
		}
	}
	if n := fetched.Load(); n != 1 {
		t.Errorf("%d fetches for made-up keys right after a fetch", n)
	}
	both := second.set(t, "2-")
	keys.Store(&both)
	s.ForgetFetches()
	if code(second, "2-ec") != 200 || code(first, "1-ec") != 401 {
		t.Error("the new keys are not in force")
	}
	for _, bad := range []server.Tokens{{Issuer: "http://issuer.example", Audience: "a"}, {Issuer: idp.URL}, {KeysFile: "/nowhere", Audience: "a"}} {
		if s, err := server.New(server.Config{HTTP: "127.0.0.1:0", Tokens: bad, Load: servertest.Load}); err == nil {
			s.Close()
			t.Errorf("%+v is accepted", bad)
		}
	}
	// An issuer that is away, or that calls itself otherwise, keeps tokens out and nothing else.
	store, key := storeWithKey(t, registry.Predict)
	s = start(t, func(c *server.Config) {
		c.Keys, c.Tokens = store, server.Tokens{Issuer: idp.URL + "/nothing", Audience: "hotpath"}
	})
	if code, _, _ := call(t, "POST", s.URL()+"/predict", goodBody, "X-API-Key", key); code != 200 || s.KeysDemanded() == false {
		t.Errorf("an API key while the issuer is away: %d", code)
	}
}
