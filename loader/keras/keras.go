// Package keras reads Keras models of dense layers: `.keras` archives of Keras 3 and `.h5` files of Keras 2 and 3. Layers become ONNX
// operators; what a file has beyond them is named in one error.
package keras

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/loader/hdf5"
)

// Sniff reports whether a file starts like a Keras model: an archive, or HDF5.
func Sniff(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte(hdf5.Signature))
}

// Members of a .keras archive.
const (
	configName   = "config.json"
	metadataName = "metadata.json"
	weightsName  = "model.weights.h5"
)

// maxMember bounds what one member of an archive may hold.
const maxMember = 2 << 30

// Read decodes a model. Errors wrap graph.ErrFormat, ErrUnsupported or ErrLimit.
func Read(data []byte) (*graph.Model, error) {
	if bytes.HasPrefix(data, []byte(hdf5.Signature)) {
		return readH5(data)
	}
	return readArchive(data)
}

// readArchive reads the form of Keras 3: configuration and weights as members of a zip.
func readArchive(data []byte) (*graph.Model, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("keras: archive: %w: %w", err, graph.ErrFormat)
	}
	var meta struct {
		Version string `json:"keras_version"`
	}
	if err := readJSON(z, metadataName, &meta); err != nil {
		return nil, err
	}
	var config object
	if err := readJSON(z, configName, &config); err != nil {
		return nil, err
	}
	weights, err := readMember(z, weightsName)
	if err != nil {
		return nil, err
	}
	f, err := hdf5.Open(weights)
	if err != nil {
		return nil, fmt.Errorf("keras: %s: %w", weightsName, err)
	}
	root, err := f.Root()
	if err != nil {
		return nil, fmt.Errorf("keras: %s: %w", weightsName, err)
	}
	vars, err := archiveWeights(root)
	if err != nil {
		return nil, fmt.Errorf("keras: %s: %w", weightsName, err)
	}
	return build(&config, vars, meta.Version)
}

// readH5 reads the older form: one HDF5 file with the configuration as an attribute.
func readH5(data []byte) (*graph.Model, error) {
	f, err := hdf5.Open(data)
	if err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	root, err := f.Root()
	if err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	text, ok, err := textAttr(root, "model_config")
	if err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	if !ok {
		return nil, fmt.Errorf("keras: the HDF5 file has no attribute model_config, so it holds weights alone: %w", graph.ErrFormat)
	}
	var config object
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		return nil, fmt.Errorf("keras: model_config: %w: %w", err, graph.ErrFormat)
	}
	version, _, err := textAttr(root, "keras_version")
	if err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	vars, err := h5Weights(root)
	if err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	return build(&config, vars, version)
}

// textAttr reads an attribute that is one text.
func textAttr(o *hdf5.Object, name string) (text string, ok bool, err error) {
	t, ok, err := o.Attr(name)
	if err != nil || !ok {
		return "", false, err
	}
	if len(t.Strings) != 1 {
		return "", false, fmt.Errorf("attribute %q is not one text: %w", name, graph.ErrFormat)
	}
	return t.Strings[0], true, nil
}

func readMember(z *zip.Reader, name string) ([]byte, error) {
	r, err := z.Open(name)
	if err != nil {
		return nil, fmt.Errorf("keras: the archive has no member %s: %w", name, graph.ErrFormat)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxMember+1))
	if err != nil {
		return nil, fmt.Errorf("keras: %s: %w: %w", name, err, graph.ErrFormat)
	}
	if len(data) > maxMember {
		return nil, fmt.Errorf("keras: %s: more than %d bytes: %w", name, maxMember, graph.ErrLimit)
	}
	return data, nil
}

func readJSON(z *zip.Reader, name string, into any) error {
	data, err := readMember(z, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("keras: %s: %w: %w", name, err, graph.ErrFormat)
	}
	return nil
}

// problems collects what a file has that hotpath does not, so that one error names all of it.
type problems struct {
	seen map[string]bool
	list []string
}

func (p *problems) add(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	if !p.seen[text] {
		p.seen[text] = true
		p.list = append(p.list, text)
	}
}

func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	return fmt.Errorf("keras: %s: %w", strings.Join(p.list, "; "), graph.ErrUnsupported)
}

// errNoWeights says that a layer's weights are not in the file.
var errNoWeights = errors.New("no such weights")
