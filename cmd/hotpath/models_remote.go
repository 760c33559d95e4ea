package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"filippo.io/age"

	"github.com/hotpath/hotpath/server/registry"
)

// serverFlags say which server a verb works on.
type serverFlags struct {
	Server  string `help:"URL of a server whose registry it is: of its --admin listener, or of --http with a key." placeholder:"URL"`
	KeyFile string `help:"File with an API key with the scope admin (default: the environment variable HOTPATH_KEY)." placeholder:"FILE" type:"existingfile"`
	CACert  string `help:"PEM file with the certificate of the server or of its issuer (default: those the system trusts)." name:"cacert" placeholder:"FILE" type:"existingfile"`
}

// dial makes a client of the server.
func (f *serverFlags) dial() (modelStore, error) {
	base, err := serverURL(f.Server)
	if err != nil {
		return nil, fmt.Errorf("--server %w", err)
	}
	r := &remoteStore{base: base, key: os.Getenv(envPrefix + "KEY")}
	if f.KeyFile != "" {
		text, err := os.ReadFile(f.KeyFile)
		if err != nil {
			return nil, err
		}
		r.key = strings.TrimSpace(string(text))
	}
	t, err := transport(f.CACert)
	if err != nil {
		return nil, err
	}
	r.client = &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return r, nil
}

// remoteStore is the registry of a server, managed over HTTP as package admin describes.
type remoteStore struct {
	client *http.Client
	base   *url.URL
	key    string
}

// errConflict is an answer 409.
var errConflict = errors.New("conflict")

// do sends a request to a path of these parts and decodes the answer.
func (r *remoteStore) do(method string, path []string, query url.Values, contentType string, body io.Reader, into any) error {
	u := r.base.JoinPath("admin")
	for _, part := range path {
		u = u.JoinPath(url.PathEscape(part))
	}
	u.RawQuery = query.Encode()
	q, err := http.NewRequest(method, u.String(), body)
	if err != nil {
		return err
	}
	if r.key != "" {
		q.Header.Set("Authorization", "Bearer "+r.key)
	}
	if contentType != "" {
		q.Header.Set("Content-Type", contentType)
	}
	answer, err := r.client.Do(q)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4096))
		var told struct{ Error string }
		if json.Unmarshal(text, &told) == nil && told.Error != "" {
			text = []byte(told.Error)
		}
		err := fmt.Errorf("%s answers %s: %s", r.base, answer.Status, bytes.TrimSpace(text))
		if answer.StatusCode == http.StatusConflict {
			err = fmt.Errorf("%w: %w", err, errConflict)
		}
		return err
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return fmt.Errorf("%s: answer: %w", r.base, err)
	}
	return nil
}

// put sends a change with a small body.
func (r *remoteStore) put(body any, path ...string) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return r.do(http.MethodPut, path, nil, "application/json", bytes.NewReader(text), nil)
}

// List lists what is in the registry; what the server has from elsewhere is left out.
func (r *remoteStore) List() (models []registry.Model, err error) {
	var all struct {
		Models []struct {
			registry.Model
			Versions []struct{ Published *registry.Version } `json:"versions"`
		}
	}
	if err := r.do(http.MethodGet, []string{"models"}, nil, "", nil, &all); err != nil {
		return nil, err
	}
	for _, m := range all.Models {
		m.Model.Versions = nil
		for _, v := range slices.Backward(m.Versions) { // newest first there
			if v.Published != nil {
				m.Model.Versions = append(m.Model.Versions, *v.Published)
			}
		}
		if len(m.Model.Versions) > 0 {
			models = append(models, m.Model)
		}
	}
	return models, nil
}

// Show finds one model.
func (r *remoteStore) Show(name string) (registry.Model, error) {
	models, err := r.List()
	if err != nil {
		return registry.Model{}, err
	}
	for _, m := range models {
		if m.Name == name {
			return m, nil
		}
	}
	return registry.Model{}, fmt.Errorf("%s: model %q: %w", r.base, name, registry.ErrNotFound)
}

// Label and the others are those of the registry.
func (r *remoteStore) Label(name, label string, version int64) error {
	return r.put(map[string]int64{"version": version}, "models", name, "labels", label)
}

func (r *remoteStore) Rollback(name, label string) (int64, error) {
	var to struct{ Version int64 }
	err := r.do(http.MethodPost, []string{"models", name, "labels", label, "rollback"}, nil, "", nil, &to)
	return to.Version, err
}

func (r *remoteStore) Delete(name string, version int64) error {
	path := []string{"models", name}
	if version != 0 {
		path = append(path, "versions", fmt.Sprint(version))
	}
	return r.do(http.MethodDelete, path, nil, "", nil, nil)
}

func (r *remoteStore) SetAlias(alias, model string) error {
	return r.put(map[string]string{"model": model}, "aliases", alias)
}

func (r *remoteStore) DeleteAlias(alias string) error {
	return r.do(http.MethodDelete, []string{"aliases", alias}, nil, "", nil, nil)
}

func (r *remoteStore) SetPolicy(name, policy string) error {
	return r.put(map[string]string{"policy": policy}, "models", name, "policy")
}

func (r *remoteStore) SetSplit(name string, weights map[string]int) error {
	if weights == nil {
		weights = map[string]int{}
	}
	return r.put(map[string]any{"weights": weights}, "models", name, "split")
}

func (r *remoteStore) Prune() ([]string, error) {
	var gone struct{ Removed []string }
	err := r.do(http.MethodPost, []string{"prune"}, nil, "", nil, &gone)
	return gone.Removed, err
}

// publishTries is how often a version is signed anew when others publish at the same time: a signature is of one number.
const publishTries = 5

func (r *remoteStore) publish(p *packed) (v registry.Version, err error) {
	for range publishTries {
		var signature []byte
		if p.signer != nil {
			if signature, err = r.sign(p); err != nil {
				return v, err
			}
		}
		if v, err = r.send(p, signature); err == nil || p.signer == nil || !errors.Is(err, errConflict) {
			return v, err
		}
	}
	return v, err
}

// sign signs the version with the number that is next.
func (r *remoteStore) sign(p *packed) ([]byte, error) {
	next := int64(1)
	if m, err := r.Show(p.name); err == nil {
		next = m.Next
	} else if !errors.Is(err, registry.ErrNotFound) {
		return nil, err
	}
	digests := map[string]string{registry.ModelFile: registry.Digest(p.model)}
	for i, w := range p.warmup {
		digests[registry.WarmupFile(i)] = registry.Digest(w)
	}
	return p.signer.Sign(p.name, next, digests)
}

// send streams the parts of the version.
func (r *remoteStore) send(p *packed, signature []byte) (v registry.Version, err error) {
	body, to := io.Pipe()
	parts := multipart.NewWriter(to)
	go func() { to.CloseWithError(p.write(parts, signature)) }()
	defer body.Close() // an answer may come before all was sent: then write ends with an error
	var query url.Values
	if p.label != "" {
		query = url.Values{"label": {p.label}}
	}
	err = r.do(http.MethodPost, []string{"models", p.name}, query, parts.FormDataContentType(), body, &v)
	return v, err
}

// write writes the parts, the signature first: a server may demand one before it takes the others.
func (p *packed) write(to *multipart.Writer, signature []byte) error {
	if signature != nil {
		if err := writePart(to, "signature", registry.SignatureFile, signature, nil); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(p.notes)) {
		if err := to.WriteField("note", key+"="+p.notes[key]); err != nil {
			return err
		}
	}
	if err := writePart(to, "model", registry.ModelFile, p.model, p.recipients); err != nil {
		return err
	}
	for i, w := range p.warmup {
		if err := writePart(to, "warmup", registry.WarmupFile(i), w, p.recipients); err != nil {
			return err
		}
	}
	return to.Close()
}

// writePart writes a file, encrypted if there are recipients.
func writePart(to *multipart.Writer, name, file string, data []byte, recipients []age.Recipient) error {
	part, err := to.CreateFormFile(name, file)
	if err != nil {
		return err
	}
	if len(recipients) == 0 {
		_, err = part.Write(data)
		return err
	}
	seal, err := age.Encrypt(part, recipients...)
	if err != nil {
		return err
	}
	if _, err := seal.Write(data); err != nil {
		return err
	}
	return seal.Close()
}
