package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// tritonConfig is the file beside the version directories of a model in the layout of NVIDIA Triton.
const tritonConfig = "config.pbtxt"

// maxConfigBytes is the largest configuration.
const maxConfigBytes = 1 << 20

// tritonPlatforms are the values of platform and backend whose files can be served.
var tritonPlatforms = []string{"", "onnxruntime_onnx", "onnxruntime", "tensorflow_savedmodel", "tensorflow", "openvino", "keras", "hotpath_onnx", "hotpath"}

// tritonIgnored are fields that say how Triton runs a model, or describe what the file says too. Any other field of the
// configuration could change answers, so a model with one is not served.
var tritonIgnored = []string{"input", "output", "dynamic_batching", "instance_group", "optimization", "model_warmup", "batch_input",
	"batch_output", "cc_model_filenames", "metric_tags", "parameters", "response_cache", "model_transaction_policy", "runtime", "model_repository_agents"}

// tritonUsed are fields that are read.
var tritonUsed = []string{"name", "platform", "backend", "max_batch_size", "version_policy", "default_model_filename"}

// triton is what is read of a configuration.
type triton struct {
	settings *Settings
	file     string // name of the model file; "" for the usual ones
}

// readTriton reads the configuration in directory dir of a model, nil without error if there is none.
func readTriton(root *os.Root, dir, model string) (*triton, error) {
	name := path.Join(dir, tritonConfig)
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read inside the models directory", name)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfigBytes+1))
	if err == nil && len(data) > maxConfigBytes {
		err = fmt.Errorf("more than %d bytes", maxConfigBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t, err := parseTriton(data, model)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

func parseTriton(data []byte, model string) (*triton, error) {
	m, err := parseText(data)
	if err != nil {
		return nil, err
	}
	t := &triton{settings: &Settings{}, file: m.one("default_model_filename")}
	for _, field := range slices.Sorted(maps.Keys(m)) {
		switch {
		case slices.Contains(tritonUsed, field):
		case slices.Contains(tritonIgnored, field):
			if field != "input" && field != "output" {
				t.settings.Notes = append(t.settings.Notes, field)
			}
		default:
			return nil, fmt.Errorf("field %s is not supported", field)
		}
	}
	if name := m.one("name"); name != "" && name != model {
		return nil, fmt.Errorf("name %q, expected that of the directory, %q", name, model)
	}
	for _, field := range []string{"platform", "backend"} {
		if v := m.one(field); !slices.Contains(tritonPlatforms, v) {
			return nil, fmt.Errorf("%s %q is not supported", field, v)
		}
	}
	if t.file != "" && (strings.ContainsAny(t.file, "/\\") || t.file[0] == '.') {
		return nil, fmt.Errorf("default_model_filename %q: expected the name of a file in the version's directory", t.file)
	}
	if text := m.one("max_batch_size"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("max_batch_size %s: expected a number from 0", text)
		}
		t.settings.MaxRows = n
	}
	if p := m.sub("version_policy"); p != nil {
		if t.settings.Policy, err = tritonPolicy(p); err != nil {
			return nil, fmt.Errorf("version_policy: %w", err)
		}
	}
	return t, nil
}

// tritonPolicy reads a ModelVersionPolicy, whose words are those of ParsePolicy.
func tritonPolicy(m message) (Policy, error) {
	switch {
	case m.sub("all") != nil:
		return Policy{All: true}, nil
	case m.sub("latest") != nil:
		n := m.sub("latest").one("num_versions")
		if n == "" {
			n = "1"
		}
		return ParsePolicy("latest:" + n)
	case m.sub("specific") != nil:
		var numbers []string
		for _, v := range m.sub("specific")["versions"] {
			text, _ := v.(string)
			numbers = append(numbers, text)
		}
		return ParsePolicy("specific:" + strings.Join(numbers, ","))
	}
	return Policy{}, errors.New("expected latest, all or specific")
}
