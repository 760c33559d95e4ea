package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"strings"

	"filippo.io/age"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/plan"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader"
	"github.com/hotpath/hotpath/loader/npy"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
)

type modelsPublishCmd struct {
	Name    string            `arg:"" help:"Name of the model."`
	Model   string            `arg:"" help:"Model file, or the directory of a SavedModel." type:"existingpath"`
	Label   string            `help:"Label to move to the new version, such as stable." placeholder:"L"`
	Note    map[string]string `help:"Provenance to keep with the version, KEY=VALUE." placeholder:"KEY=VALUE"`
	Warmup  []string          `help:"Recorded inputs to run before the version is served, .npz or .json as of hotpath run; may be repeated." placeholder:"FILE" type:"existingfile"`
	Sign    string            `help:"PEM file of a private key to sign name, number and files of the version with (hotpath models keygen, or openssl)." placeholder:"FILE" type:"existingfile"`
	Encrypt []string          `help:"age recipient (age1…), or a file of them, to encrypt the version to; may be repeated." placeholder:"RECIPIENT"`
	modelFlags
}

// provenancePrefix marks the metadata of a model file that becomes provenance of its version.
const provenancePrefix = "hotpath."

// Help implements kong's long help.
func (modelsPublishCmd) Help() string {
	return `A version is one ONNX file: weights beside the model go into it, and models of other formats are converted. With --server it is made,
signed and encrypted here, and goes to the server as one request: keys never do.`
}

// Run implements the verb. A model that does not load, or not run its warm-up inputs, is never published.
func (c *modelsPublishCmd) Run(e *env) error {
	m, data, err := e.models.Pack(c.Model)
	if err != nil {
		return err
	}
	p, err := plan.Compile(m, plan.Options{})
	if err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	v := packed{name: c.Name, label: c.Label, model: data, notes: provenance(m, p)}
	maps.Copy(v.notes, c.Note)
	if c.Sign != "" {
		if v.signer, err = readKey(c.Sign, registry.ReadSigner); err != nil {
			return err
		}
	}
	if v.recipients, err = readRecipients(c.Encrypt); err != nil {
		return err
	}
	if v.warmup, err = c.recorded(p); err != nil {
		return err
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	done, err := store.publish(&v)
	if err != nil {
		return err
	}
	result := struct {
		Name  string `json:"name"`
		Label string `json:"label,omitempty"`
		registry.Version
	}{c.Name, c.Label, done}
	return c.print(e, result, func() {
		fmt.Fprintf(e.stdout, "published %s version %d, %d bytes, sha256 %s\n", c.Name, done.Number, done.Size, done.Digest)
	})
}

// provenance is what a model file tells of itself.
func provenance(m *graph.Model, p *plan.Plan) map[string]string {
	facts := map[string]string{"weight_bytes": fmt.Sprint(p.WeightBytes())}
	if m.Producer != "" {
		facts["producer"] = m.Producer
	}
	for k, v := range m.Metadata {
		if strings.HasPrefix(k, provenancePrefix) && k != graph.SignatureKey {
			facts[strings.TrimPrefix(k, provenancePrefix)] = v
		}
	}
	return facts
}

// recorded reads the warm-up inputs, runs them, and makes an archive of each.
func (c *modelsPublishCmd) recorded(p *plan.Plan) (archives [][]byte, err error) {
	for _, file := range c.Warmup {
		inputs, err := readArrays(file, p.Signature())
		if err != nil {
			return nil, err
		}
		named := map[string]*tensor.Tensor{}
		for i, in := range p.Signature().Inputs {
			if in.DType.Composite() {
				return nil, fmt.Errorf("%s: input %q is no array: %w", file, in.Name, graph.ErrUnsupported)
			}
			named[in.Name] = inputs[i]
		}
		if err := p.Run(inputs, p.NewOutputs()); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		var b bytes.Buffer
		if err := npy.WriteArchive(&b, named); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		archives = append(archives, b.Bytes())
	}
	return archives, nil
}

// checkUpload proves that what was uploaded can be served as it is, with no file beside it, and runs its recorded inputs
// in at most maxRun bytes.
func checkUpload(maxRun int) func(model []byte, warmup [][]byte) (map[string]string, error) {
	return func(model []byte, warmup [][]byte) (map[string]string, error) {
		m, err := loader.Read(model)
		if err != nil {
			return nil, err
		}
		p, err := plan.Compile(m, plan.Options{Builders: 1, MaxBytes: maxRun})
		if err != nil {
			return nil, err
		}
		for i, archive := range warmup {
			if err := server.WarmUp(p, archive); err != nil {
				return nil, fmt.Errorf("warm-up %d of %d: %w", i+1, len(warmup), err)
			}
		}
		return provenance(m, p), nil
	}
}

// readKey reads a key from a file.
func readKey[K any](file string, read func([]byte) (K, error)) (key K, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return key, err
	}
	if key, err = read(data); err != nil {
		return key, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}

// readRecipients reads recipients, each given as such or as a file of them.
func readRecipients(given []string) (all []age.Recipient, err error) {
	for _, text := range given {
		if !strings.HasPrefix(text, "age1") {
			data, err := os.ReadFile(text)
			if err != nil {
				return nil, fmt.Errorf("--encrypt: expected an age recipient (age1…) or a file of them: %w", err)
			}
			text = string(data)
		}
		list, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("--encrypt: %w: %w", err, errUsage)
		}
		all = append(all, list...)
	}
	return all, nil
}

// identityFlag is how encrypted versions are read.
type identityFlag struct {
	Identity []string `help:"File of age identities to decrypt models with; may be repeated." placeholder:"FILE" type:"existingfile"`
}

// access reads identities and the public keys that signatures are demanded of.
func (f *identityFlag) access(keys []string) (a registry.Access, err error) {
	for _, file := range f.Identity {
		list, err := readKey(file, func(data []byte) ([]age.Identity, error) { return age.ParseIdentities(bytes.NewReader(data)) })
		if err != nil {
			return a, err
		}
		a.Identities = append(a.Identities, list...)
	}
	for _, file := range keys {
		key, err := readKey(file, registry.ReadPublicKey)
		if err != nil {
			return a, err
		}
		a.Trust = append(a.Trust, key)
	}
	return a, nil
}

type modelsKeygenCmd struct {
	Out  string `help:"Where to write the private key; the public one goes beside it, with .pub." required:"" placeholder:"FILE"`
	Kind string `help:"sign: ECDSA on P-256, in PEM as of openssl. encrypt: X25519, as of age-keygen." default:"sign" enum:"sign,encrypt"`
	JSON bool   `help:"Print one JSON object." name:"json"`
}

// Run implements the verb. A file that is there is never overwritten.
func (c *modelsKeygenCmd) Run(e *env) error {
	private, public, err := newKey(c.Kind)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		path string
		data []byte
		mode os.FileMode
	}{{c.Out, private, 0o600}, {c.Out + ".pub", public, 0o644}} {
		file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
		if err != nil {
			return err
		}
		_, err = file.Write(f.data)
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", f.path, err)
		}
	}
	if c.JSON {
		return e.printJSON(map[string]any{"kind": c.Kind, "private": c.Out, "public": c.Out + ".pub", "public_key": string(public)})
	}
	fmt.Fprintf(e.stdout, "private key in %s, public key in %s:\n%s", c.Out, c.Out+".pub", public)
	return nil
}

func newKey(kind string) (private, public []byte, err error) {
	if kind == "encrypt" {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			return nil, nil, err
		}
		return []byte(id.String() + "\n"), []byte(id.Recipient().String() + "\n"), nil
	}
	signer, private, err := registry.NewSigner()
	if err != nil {
		return nil, nil, err
	}
	public, err = signer.PublicKey()
	return private, public, err
}
