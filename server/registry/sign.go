package registry

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	_ "crypto/sha512" // for the larger curves
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A signature is what the OpenSSF model signing specification calls the method "key": a Sigstore bundle around a DSSE
// envelope around an in-toto statement that lists every file of a version with its SHA-256. The subject is named
// MODEL/VERSION, so that an old version, well signed, cannot pass for a new one or for another model. Keys are ECDSA on
// the curves P-256, P-384 and P-521, as in the specification, and Ed25519.
//
// https://github.com/ossf/model-signing-spec, https://github.com/secure-systems-lab/dsse,
// https://github.com/in-toto/attestation/tree/main/spec/v1

// ErrSignature is a signature that is missing, or not of the bytes, name, number and key that were expected.
var ErrSignature = errors.New("not signed as demanded")

// What the parts of a signature are called.
const (
	bundleType    = "application/vnd.dev.sigstore.bundle.v0.3+json"
	payloadType   = "application/vnd.in-toto+json"
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://model_signing/signature/v1.0"
)

// Names of files in a signed version, as in the directory of one.
const (
	ModelFile     = "model.onnx"
	SignatureFile = "model.sig"
)

// WarmupFile is the name of recorded inputs i in a signed version.
func WarmupFile(i int) string { return fmt.Sprintf("warmup-%d.npz", i+1) }

type (
	bundle struct {
		MediaType string `json:"mediaType"`
		Material  struct {
			PublicKey struct {
				Hint string `json:"hint"`
			} `json:"publicKey"`
		} `json:"verificationMaterial"`
		Envelope envelope `json:"dsseEnvelope"`
	}
	envelope struct {
		Payload     []byte      `json:"payload"` // base64, as encoding/json does
		PayloadType string      `json:"payloadType"`
		Signatures  []signature `json:"signatures"`
	}
	signature struct {
		Sig []byte `json:"sig"`
	}
	statement struct {
		Type          string    `json:"_type"`
		Subject       []subject `json:"subject"`
		PredicateType string    `json:"predicateType"`
		Predicate     predicate `json:"predicate"`
	}
	subject struct {
		Name   string            `json:"name"`
		Digest map[string]string `json:"digest"`
	}
	predicate struct {
		Serialization serialization `json:"serialization"`
		Resources     []resource    `json:"resources"`
	}
	serialization struct {
		Method        string   `json:"method"`
		HashType      string   `json:"hash_type"`
		AllowSymlinks bool     `json:"allow_symlinks"`
		IgnorePaths   []string `json:"ignore_paths"`
	}
	resource struct {
		Name      string `json:"name"`
		Algorithm string `json:"algorithm"`
		Digest    string `json:"digest"`
	}
)

// Signer signs what is published.
type Signer struct{ key crypto.Signer }

// ReadSigner reads a private key from PEM: PKCS #8 or SEC 1, as openssl writes them, not encrypted.
func ReadSigner(data []byte) (*Signer, error) {
	block, _ := pem.Decode(data)
	for block != nil && block.Type == "EC PARAMETERS" { // openssl ecparam -genkey puts them first
		block, data = pem.Decode(data)
	}
	if block == nil {
		return nil, fmt.Errorf("expected a private key in PEM: %w", ErrSignature)
	}
	var key any
	var err error
	if block.Type == "EC PRIVATE KEY" {
		key, err = x509.ParseECPrivateKey(block.Bytes)
	} else {
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("private key: %w: %w", err, ErrSignature)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("private key: found a %T: %w", key, ErrSignature)
	}
	_, err = hashFor(signer.Public())
	return &Signer{signer}, err
}

// PublicKey is the key that verifies what s signs, in PEM.
func (s *Signer) PublicKey() ([]byte, error) { return publicPEM(s.key.Public()) }

// NewSigner makes a key on P-256 and returns it in PEM too.
func NewSigner() (*Signer, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return &Signer{key}, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Sign makes the bundle of a version of a model with these files: their names with the digests of their plain bytes.
func (s *Signer) Sign(name string, number int64, digests map[string]string) (json.RawMessage, error) {
	var list []resource
	for _, file := range slices.Sorted(maps.Keys(digests)) {
		list = append(list, resource{file, "sha256", digests[file]})
	}
	payload, err := json.Marshal(newStatement(name, number, list))
	if err != nil {
		return nil, err
	}
	sig, err := s.raw(preAuth(payload))
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	b := bundle{MediaType: bundleType, Envelope: envelope{payload, payloadType, []signature{{sig}}}}
	public, err := s.PublicKey()
	if err != nil {
		return nil, err
	}
	b.Material.PublicKey.Hint = Digest(public)
	return json.Marshal(b)
}

// raw signs a message as its key does: ECDSA over the hash that goes with the curve, Ed25519 over the message.
func (s *Signer) raw(message []byte) ([]byte, error) {
	h, err := hashFor(s.key.Public())
	if err != nil {
		return nil, err
	}
	if h != 0 {
		d := h.New()
		d.Write(message)
		message = d.Sum(nil)
	}
	return s.key.Sign(rand.Reader, message, h)
}

// newStatement lists resources, which are in order of their names.
func newStatement(name string, number int64, resources []resource) statement {
	root := sha256.New() // over all digests, as the specification has it
	for _, r := range resources {
		raw, _ := hex.DecodeString(r.Digest)
		root.Write(raw)
	}
	return statement{Type: statementType, PredicateType: predicateType,
		Subject: []subject{{fmt.Sprintf("%s/%d", name, number), map[string]string{"sha256": hex.EncodeToString(root.Sum(nil))}}},
		Predicate: predicate{Resources: resources,
			Serialization: serialization{Method: "files", HashType: "sha256", IgnorePaths: []string{SignatureFile}}},
	}
}

// digests is the files of v by name with the digests of their plain bytes.
func (v *Version) digests() map[string]string {
	d := map[string]string{ModelFile: v.File.plain()}
	for i, w := range v.Warmup {
		d[WarmupFile(i)] = w.plain()
	}
	return d
}

func (f File) plain() string {
	if f.Plain != "" {
		return f.Plain
	}
	return f.Digest
}

// Trust is the keys that signatures are demanded of; one of them is enough. Empty: none is demanded.
type Trust []crypto.PublicKey

// ReadPublicKey reads a public key from PEM.
func ReadPublicKey(data []byte) (crypto.PublicKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("expected a public key in PEM: %w", ErrSignature)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("public key: %w: %w", err, ErrSignature)
	}
	_, err = hashFor(key)
	return key, err
}

// Verify proves that a bundle is a signature, by a key of t, of exactly these files of a version of a model: their
// names with the digests of their bytes. Errors wrap ErrSignature.
func (t Trust) Verify(data []byte, name string, number int64, digests map[string]string) error {
	return verifyBundle(data, name, number, digests, t.signed)
}

// verifyBundle is Trust.Verify with the question whether a message has the signature of someone who is trusted.
func verifyBundle(data []byte, name string, number int64, digests map[string]string, signed func(message, sig []byte) bool) error {
	if len(data) == 0 {
		return fmt.Errorf("%s version %d has no signature: %w", name, number, ErrSignature)
	}
	e, err := readEnvelope(data)
	if err != nil {
		return fmt.Errorf("%s version %d: %w", name, number, err)
	}
	if !signed(preAuth(e.Payload), e.Signatures[0].Sig) {
		return fmt.Errorf("%s version %d: the signature is not by a trusted key: %w", name, number, ErrSignature)
	}
	var st statement // from here on it is what the owner of the key has written
	if err := json.Unmarshal(e.Payload, &st); err != nil {
		return fmt.Errorf("%s version %d: signed statement: %w: %w", name, number, err, ErrSignature)
	}
	want := fmt.Sprintf("%s/%d", name, number)
	switch {
	case st.Type != statementType || st.PredicateType != predicateType || len(st.Subject) != 1:
		return fmt.Errorf("%s: signed statement: expected one subject and the type %s: %w", want, predicateType, ErrSignature)
	case st.Subject[0].Name != want:
		return fmt.Errorf("%s: the signature is for %q: %w", want, st.Subject[0].Name, ErrSignature)
	case len(st.Predicate.Resources) != len(digests):
		return fmt.Errorf("%s: %d files are signed, there are %d: %w", want, len(st.Predicate.Resources), len(digests), ErrSignature)
	}
	seen := map[string]bool{}
	for _, r := range st.Predicate.Resources {
		if r.Algorithm != "sha256" || seen[r.Name] || digests[r.Name] != r.Digest {
			return fmt.Errorf("%s: %s is not the file that was signed: %w", want, r.Name, ErrSignature)
		}
		seen[r.Name] = true
	}
	return nil
}

// readEnvelope reads the envelope of a bundle, which has one signature.
func readEnvelope(data []byte) (envelope, error) {
	var b bundle
	if err := json.Unmarshal(data, &b); err != nil {
		return b.Envelope, fmt.Errorf("signature: %w: %w", err, ErrSignature)
	}
	if b.Envelope.PayloadType != payloadType || len(b.Envelope.Signatures) != 1 {
		return b.Envelope, fmt.Errorf("signature: expected one, over a payload of %s: %w", payloadType, ErrSignature)
	}
	return b.Envelope, nil
}

// signedNumber is the number of the version of a model that a bundle says it is for. Nothing of it is proven.
func signedNumber(data []byte, name string) (number int64, err error) {
	e, err := readEnvelope(data)
	if err != nil {
		return 0, err
	}
	var st statement
	if err := json.Unmarshal(e.Payload, &st); err != nil || len(st.Subject) != 1 {
		return 0, fmt.Errorf("signature: expected a statement with one subject: %w", ErrSignature)
	}
	of, text, _ := strings.Cut(st.Subject[0].Name, "/")
	if number, err = strconv.ParseInt(text, 10, 64); err != nil || of != name || number < 1 {
		return 0, fmt.Errorf("the signature is for %q, expected %s/NUMBER: %w", st.Subject[0].Name, name, ErrSignature)
	}
	return number, nil
}

// signed reports whether sig is a signature of a message by one of the keys.
func (t Trust) signed(message, sig []byte) bool {
	for _, key := range t {
		h, err := hashFor(key)
		if err != nil {
			continue
		}
		switch k := key.(type) {
		case *ecdsa.PublicKey:
			d := h.New()
			d.Write(message)
			if ecdsa.VerifyASN1(k, d.Sum(nil), sig) {
				return true
			}
		case ed25519.PublicKey:
			if ed25519.Verify(k, message, sig) {
				return true
			}
		}
	}
	return false
}

// preAuth is the pre-authentication encoding of DSSE: what is signed in the place of a payload.
func preAuth(payload []byte) []byte {
	return append(fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(payloadType), payloadType, len(payload)), payload...)
}

// hashFor is the hash that signatures of a key are over, 0 for Ed25519, which hashes by itself.
func hashFor(key crypto.PublicKey) (crypto.Hash, error) {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return 0, nil
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return crypto.SHA256, nil
		case elliptic.P384():
			return crypto.SHA384, nil
		case elliptic.P521():
			return crypto.SHA512, nil
		}
	}
	return 0, fmt.Errorf("key: expected ECDSA on P-256, P-384 or P-521, or Ed25519, found %T: %w", key, ErrSignature)
}

func publicPEM(key crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}
