package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
)

// A version is published as a model file alone, or as multipart/form-data (RFC 7578) with these parts:
//
//	signature   a bundle as registry.Signer makes it, of NAME/NUMBER, model.onnx and warmup-1.npz, …; before the files.
//	            Its number has to be the next one, which GET /admin/models tells, else the answer is 409
//	model       the model file, plain or an age file that one of the server's identities decrypts
//	warmup      recorded inputs by name (.npz), in that form too; may be repeated
//	note        KEY=VALUE, kept with the version; may be repeated
//
// All of them become one version, or none does. Files go to disk as they arrive.
const (
	partSignature = "signature"
	partModel     = "model"
	partWarmup    = "warmup"
	partNote      = "note"
)

// What one upload may have. The largest model is the limit of protobuf; ones that are encrypted are slightly larger.
const (
	maxModel  = 2<<30 - 1
	maxWarmup = 256 << 20
	maxParts  = 256
	maxUpload = 2 * maxModel
	sealing   = maxModel/1024 + 64<<10 // what encryption adds at most: 16 bytes per 64 KiB and a head
)

// upload is a version on its way in.
type upload struct {
	registry.Publication
	a API
}

// discard removes what was not published.
func (u *upload) discard() {
	if u.Model != nil {
		u.Model.Discard()
	}
	for _, w := range u.Warmup {
		w.Discard()
	}
}

// demanded reports whether versions must be signed.
func (a API) demanded() bool { return len(a.Access.Trust) > 0 }

var errUnsigned = server.Fail(server.ErrForbidden, "this server demands signed models: expected multipart/form-data with a signature "+
	"before the files, as hotpath models publish --sign --server sends")

func (a API) publish(r *server.Request) error {
	u := upload{a: a, Publication: registry.Publication{Name: r.Param(0), Label: string(r.Query("label")), Provenance: map[string]string{}}}
	for _, name := range []string{u.Name, u.Label} { // before anything is received
		if name == "" && u.Label == "" {
			continue
		}
		if err := registry.CheckName(name); err != nil {
			return explain(err)
		}
	}
	defer u.discard()
	if err := u.receive(r); err != nil {
		return err
	}
	var err error
	r.Background(func() { err = u.prove() })
	if err != nil {
		return explain(err)
	}
	v, err := a.Store.Publish(u.Publication)
	if err != nil {
		return explain(err)
	}
	r.Audited(fmt.Sprint(v.Number), v.Digest)
	return done(r, published{u.Name, u.Label, v})
}

// receive stages the body.
func (u *upload) receive(r *server.Request) (err error) {
	body := r.BodyStream()
	kind, params, err := mime.ParseMediaType(string(r.RequestHeader("Content-Type")))
	if err != nil || kind != "multipart/form-data" {
		if u.a.demanded() {
			return errUnsigned
		}
		u.Model, err = u.a.Store.Stage(body, maxModel)
		return explain(err)
	}
	parts := multipart.NewReader(body, params["boundary"])
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		switch {
		case errors.Is(err, io.EOF):
			if u.Model == nil {
				return server.Fail(server.ErrRequest, "multipart body: there is no part model")
			}
			_, err = io.Copy(io.Discard, io.LimitReader(body, maxChange)) // the end of the body, so that the connection can be used again
			return err
		case err != nil:
			return malformed(err)
		case n >= maxParts:
			return server.Fail(server.ErrTooLarge, "multipart body: more than %d parts", maxParts)
		}
		if err := u.take(part); err != nil {
			return err
		}
	}
}

// take takes in one part.
func (u *upload) take(part *multipart.Part) (err error) {
	name := part.FormName()
	if (name == partModel || name == partWarmup) && u.a.demanded() && u.Signature == nil {
		return errUnsigned
	}
	switch name {
	case partModel:
		if u.Model != nil {
			return server.Fail(server.ErrRequest, "multipart body: model is there twice")
		}
		if u.Model, err = u.a.Store.Stage(part, maxModel+sealing); err != nil {
			return stageError(err)
		}
	case partWarmup:
		b, err := u.a.Store.Stage(part, maxWarmup)
		if err != nil {
			return stageError(err)
		}
		u.Warmup = append(u.Warmup, b)
	case partSignature:
		if u.Signature, err = small(part); err != nil {
			return err
		}
		if !json.Valid(u.Signature) {
			return server.Fail(server.ErrRequest, "multipart body: signature is not JSON")
		}
	case partNote:
		text, err := small(part)
		if err != nil {
			return err
		}
		key, value, found := strings.Cut(string(text), "=")
		if !found || key == "" {
			return server.Fail(server.ErrRequest, "multipart body: note: expected KEY=VALUE")
		}
		u.Provenance[key] = value
	default:
		return server.Fail(server.ErrRequest, "multipart body: expected parts model, warmup, signature and note, found another one")
	}
	return nil
}

// small reads a part that is held in memory.
func small(part io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(part, maxChange+1))
	if err != nil {
		return nil, malformed(err)
	}
	if len(text) > maxChange {
		return nil, server.Fail(server.ErrTooLarge, "multipart body: a part is larger than the limit of %d bytes", maxChange)
	}
	return text, nil
}

// malformed is what a reader of parts says of a body, unless the body itself has an error.
func malformed(err error) error {
	if known(err) {
		return err
	}
	return server.Fail(server.ErrRequest, "multipart body: malformed")
}

// stageError is explain for what comes from a part.
func stageError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) && !known(err) {
		return malformed(err)
	}
	return explain(err)
}

// known reports whether an error has a status.
func known(err error) bool { return server.Status(err) != 500 }

// prove proves what was received, the signature before a byte of the model is parsed.
func (u *upload) prove() error {
	model, err := u.open(u.Model, partModel)
	if err != nil {
		return err
	}
	var warmup [][]byte
	for _, w := range u.Warmup {
		data, err := u.open(w, partWarmup)
		if err != nil {
			return err
		}
		warmup = append(warmup, data)
	}
	if u.Signature != nil || u.a.demanded() {
		if err := u.Verify(u.a.Access.Trust); err != nil {
			return err
		}
	}
	found, err := u.a.Check(model, warmup)
	for k, v := range found {
		if _, given := u.Provenance[k]; !given {
			u.Provenance[k] = v
		}
	}
	return err
}

// open gives the plain bytes of a part.
func (u *upload) open(b *registry.Staged, what string) ([]byte, error) {
	data, err := b.Open(u.a.Access.Identities)
	switch {
	case errors.Is(err, registry.ErrSealed):
		return nil, server.Fail(server.ErrRequest, "%s is encrypted, and this server has no identity for it", what)
	case errors.Is(err, registry.ErrCorrupt):
		return nil, server.Fail(server.ErrRequest, "%s is encrypted, and does not decrypt: %v", what, err)
	case err == nil && len(data) > maxModel:
		return nil, fmt.Errorf("%s: %d bytes, the limit is %d: %w", what, len(data), maxModel, graph.ErrLimit)
	}
	return data, err
}
