package registry

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"testing"

	"filippo.io/age"
)

// seal publishes a model with a warm-up input.
func seal(t *testing.T, s *Store, name, data string, signer *Signer, to ...age.Recipient) Version {
	t.Helper()
	model, err := s.Stage(strings.NewReader(data), 1<<20, to...)
	if err != nil {
		t.Fatal(err)
	}
	warmup, err := s.Stage(strings.NewReader("inputs of "+data), 1<<20, to...)
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Publish(Publication{Name: name, Model: model, Warmup: []*Staged{warmup}, Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newSigner(t *testing.T) (*Signer, Trust) {
	t.Helper()
	signer, private, err := NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ReadSigner(private); err != nil || again.key.Public() == nil {
		t.Error(err)
	}
	public, err := signer.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := ReadPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return signer, Trust{key}
}

func TestSignAndEncrypt(t *testing.T) {
	s := New(t.TempDir())
	signer, trust := newSigner(t)
	_, other := newSigner(t)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	ids, strangers := []age.Identity{id}, []age.Identity{stranger}
	plain := seal(t, s, "m", "weights one", nil)
	signed := seal(t, s, "m", "weights two", signer)
	sealed := seal(t, s, "m", "weights three", signer, id.Recipient())
	for _, c := range []struct {
		what string
		v    Version
		a    Access
		want error
	}{
		{"unsigned, none demanded", plain, Access{}, nil},
		{"unsigned", plain, Access{Trust: trust}, ErrSignature},
		{"signed", signed, Access{Trust: trust}, nil},
		{"signed, one of two keys", signed, Access{Trust: append(Trust{other[0]}, trust...)}, nil},
		{"signed by another key", signed, Access{Trust: other}, ErrSignature},
		{"encrypted", sealed, Access{Identities: ids}, nil},
		{"encrypted and signed", sealed, Access{Identities: append(strangers, ids...), Trust: trust}, nil},
		{"encrypted, no identity", sealed, Access{}, ErrSealed},
		{"encrypted to another", sealed, Access{Identities: strangers}, ErrSealed},
		{"encrypted, another key", sealed, Access{Identities: ids, Trust: other}, ErrSignature},
	} {
		model, warmup, err := s.Read("m", c.v, c.a)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.what, err)
		}
		if c.want == nil && (!strings.HasPrefix(string(model), "weights") || len(warmup) != 1 || string(warmup[0]) != "inputs of "+string(model)) {
			t.Errorf("%s: %q %q", c.what, model, warmup)
		}
		if c.want != nil && (model != nil || warmup != nil) {
			t.Errorf("%s: bytes are handed out", c.what)
		}
	}
	blob, err := os.ReadFile(s.blobPath(sealed.Digest))
	if err != nil || bytes.Contains(blob, []byte("weights three")) {
		t.Error("plain bytes on disk", err)
	}
	if r, err := s.Verify(Access{Identities: ids, Trust: trust}); err != nil || len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "version 1 has no signature") || len(r.Orphans) != 0 {
		t.Errorf("%+v %v", r, err)
	}
	if err := s.Delete("m", sealed.Number); err != nil {
		t.Error(err)
	}
	if r, err := s.Verify(Access{}); err != nil || r.Versions != 2 || len(r.Problems)+len(r.Orphans) != 0 {
		t.Errorf("%+v %v", r, err)
	}
}

// TestSignatureIsOfThisVersion swaps what is signed: an old version offered as a new one, another model, other bytes,
// more or fewer files, another kind of statement, two signatures.
func TestSignatureIsOfThisVersion(t *testing.T) {
	s := New(t.TempDir())
	signer, trust := newSigner(t)
	one, two := seal(t, s, "m", "one", signer), seal(t, s, "m", "two", signer)
	good := two.digests()
	if err := trust.Verify(two.Signature, "m", 2, good); err != nil {
		t.Fatal(err)
	}
	extra := two.digests()
	extra["more.bin"] = extra[ModelFile]
	fewer := map[string]string{ModelFile: good[ModelFile]}
	renamed := map[string]string{ModelFile: good[ModelFile], "warmup-2.npz": good[WarmupFile(0)]}
	// change makes a bundle of a changed statement, well signed unless it is broken after that.
	change := func(statement func(string) string, whole func(string) string) []byte {
		var b bundle
		if err := json.Unmarshal(two.Signature, &b); err != nil {
			t.Fatal(err)
		}
		if statement != nil {
			b.Envelope.Payload = []byte(statement(string(b.Envelope.Payload)))
			sig, err := signer.raw(preAuth(b.Envelope.Payload))
			if err != nil {
				t.Fatal(err)
			}
			b.Envelope.Signatures[0].Sig = sig
		}
		data, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if whole != nil {
			return []byte(whole(string(data)))
		}
		return data
	}
	replace := func(old, by string) func(string) string {
		return func(text string) string {
			if !strings.Contains(text, old) {
				t.Fatalf("no %s in %s", old, text)
			}
			return strings.Replace(text, old, by, 1)
		}
	}
	payload := base64.StdEncoding.EncodeToString([]byte(`{"_type"`))
	for what, c := range map[string]struct {
		bundle  []byte
		name    string
		version int64
		digests map[string]string
	}{
		"old version as the new one":     {one.Signature, "m", 2, one.digests()},
		"old bytes":                      {two.Signature, "m", 2, one.digests()},
		"another model":                  {two.Signature, "n", 2, good},
		"another number":                 {two.Signature, "m", 3, good},
		"a file more":                    {two.Signature, "m", 2, extra},
		"a file fewer":                   {two.Signature, "m", 2, fewer},
		"a file renamed":                 {two.Signature, "m", 2, renamed},
		"nothing":                        {nil, "m", 2, good},
		"no JSON":                        {[]byte("{"), "m", 2, good},
		"empty":                          {[]byte("{}"), "m", 2, good},
		"a bit of the payload":           {change(nil, replace(payload[:8], "A"+payload[1:8])), "m", 2, good},
		"another payload type":           {change(nil, replace(payloadType, "text/plain")), "m", 2, good},
		"no signature":                   {change(nil, func(text string) string { return text[:strings.Index(text, `"signatures"`)] + `"signatures":[]}}` }), "m", 2, good},
		"another predicate":              {change(replace(predicateType, "https://example.com/x"), nil), "m", 2, good},
		"another statement":              {change(replace(statementType, "https://example.com/x"), nil), "m", 2, good},
		"a weaker hash":                  {change(replace(`"algorithm":"sha256"`, `"algorithm":"md5"`), nil), "m", 2, good},
		"a file twice in place of other": {change(replace(WarmupFile(0), ModelFile), nil), "m", 2, good},
		"statement is no JSON":           {change(func(string) string { return "x" }, nil), "m", 2, good},
	} {
		if err := trust.Verify(c.bundle, c.name, c.version, c.digests); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestKeyFormats reads what openssl writes, and refuses other keys.
func TestKeyFormats(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ReadSigner(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	s := New(t.TempDir())
	v := seal(t, s, "m", "x", signer)
	if _, _, err := s.Read("m", v, Access{Trust: Trust{public}}); err != nil {
		t.Error(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if der, err = x509.MarshalECPrivateKey(key); err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 5}}), // as openssl ecparam -genkey
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})...)
	if signer, err = ReadSigner(text); err != nil {
		t.Fatal(err)
	}
	v = seal(t, s, "m", "y", signer)
	if _, _, err := s.Read("m", v, Access{Trust: Trust{&key.PublicKey}}); err != nil {
		t.Error(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if der, err = x509.MarshalPKCS8PrivateKey(weak); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSigner(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); !errors.Is(err, ErrSignature) {
		t.Errorf("RSA: %v", err)
	}
	for _, bad := range []string{"", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if _, err := ReadSigner([]byte(bad)); !errors.Is(err, ErrSignature) {
			t.Errorf("%q: %v", bad, err)
		}
		if _, err := ReadPublicKey([]byte(bad)); !errors.Is(err, ErrSignature) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
