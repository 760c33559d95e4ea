package main

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"

	"github.com/hotpath/hotpath/server"
)

// sections group the flags of serve in its configuration file; those in no section stand at the top. A key is the name of
// its flag.
var sections = []struct {
	name  string
	flags []string
}{
	{"listeners", []string{"http", "grpc", "admin", "max-conns", "max-conns-per-ip", "drain-grace", "drain-timeout"}},
	{"tls", []string{"tls-cert", "tls-key", "tls-self-signed", "insecure-no-tls"}},
	{"auth", []string{"allow-anonymous", "require-signature", "identity"}},
	{"tokens", []string{"token-by", "token-rate", "token-burst", "token-concurrent", "token-quota", "token-priority"}},
	{"limits", []string{"memory", "max-body", "max-body-memory", "max-run-memory", "max-rows", "max-concurrency", "load-wait", "threads"}},
	{"scheduling", []string{"queue", "timeout", "batch-max", "batch-delay", "batch-sizes"}},
}

// perModel is the key in the section scheduling that holds settings of single models by name.
const perModel = "models"

// envPrefix begins the names of environment variables: HOTPATH_MAX_BODY stands for --max-body.
const envPrefix = "HOTPATH_"

// notSettings are the flags of serve that neither a file nor the environment can give.
var notSettings = []string{"help", "config", "print-config", "version"}

// configFile is a file of settings. Of a flag on the command line, an environment variable, the file and the default, the first
// that is there counts.
type configFile struct {
	name   string
	values map[string]any // by flag
	models map[string]server.Scheduling
}

// Validate implements kong.Resolver.
func (*configFile) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver: it is asked for flags that the command line does not give.
func (f *configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if env, ok := os.LookupEnv(envName(flag.Name)); ok && !slices.Contains(notSettings, flag.Name) {
		return env, nil
	}
	return f.values[flag.Name], nil
}

func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// BeforeResolve implements kong's hook: the file and the environment become settings before defaults do.
func (c *serveCmd) BeforeResolve(ctx *kong.Context) error {
	flags := map[string]*kong.Flag{}
	for _, flag := range ctx.Selected().Flags {
		flags[flag.Name] = flag
	}
	name, _ := ctx.FlagValue(flags["config"]).(string)
	if name == "" {
		name = os.Getenv(envName("config"))
	}
	f := &configFile{name: name, values: map[string]any{}}
	if name != "" {
		text, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("--config: %w", err)
		}
		if err := f.read(text, flags); err != nil {
			return err
		}
	}
	c.perModel = f.models
	ctx.AddResolver(f)
	return nil
}

// fail makes an error that names file, line and key.
func (f *configFile) fail(at *yaml.Node, key, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s: %s", f.name, at.Line, key, fmt.Sprintf(format, args...))
}

// read fills values from YAML.
func (f *configFile) read(text []byte, flags map[string]*kong.Flag) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	if len(doc.Content) == 0 {
		return nil
	}
	top := []string{}
	for name := range flags {
		if section(name) == "" && !slices.Contains(notSettings, name) {
			top = append(top, name)
		}
	}
	slices.Sort(top)
	return f.each(doc.Content[0], "the file", func(key, value *yaml.Node) error {
		for _, s := range sections {
			if s.name == key.Value {
				return f.each(value, s.name, func(key, value *yaml.Node) error {
					if s.name == "scheduling" && key.Value == perModel {
						return f.readModels(value)
					}
					return f.set(key, value, s.name+"."+key.Value, flags, s.flags)
				})
			}
		}
		return f.set(key, value, key.Value, flags, top)
	})
}

// section is the name of the section of a flag, "" for none.
func section(flag string) string {
	for _, s := range sections {
		if slices.Contains(s.flags, flag) {
			return s.name
		}
	}
	return ""
}

// each goes through a mapping.
func (f *configFile) each(node *yaml.Node, what string, visit func(key, value *yaml.Node) error) error {
	if node.Kind != yaml.MappingNode {
		return f.fail(node, what, "expected keys with values")
	}
	seen := map[string]bool{}
	for i := 0; i < len(node.Content); i += 2 {
		key := node.Content[i]
		if seen[key.Value] {
			return f.fail(key, key.Value, "the key occurs twice")
		}
		seen[key.Value] = true
		if err := visit(key, node.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// set takes the value of a flag, which must be one of known.
func (f *configFile) set(key, value *yaml.Node, full string, flags map[string]*kong.Flag, known []string) error {
	flag := flags[key.Value]
	if flag == nil || !slices.Contains(known, key.Value) {
		return f.fail(key, full, "unknown key, expected one of %s", strings.Join(known, ", "))
	}
	text := value.Value
	switch value.Kind {
	case yaml.ScalarNode:
	case yaml.SequenceNode:
		var parts []string
		for _, n := range value.Content {
			parts = append(parts, n.Value)
		}
		text = strings.Join(parts, ",")
	default:
		return f.fail(value, full, "expected a value, found keys")
	}
	if err := flag.Parse(kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: text}), reflect.New(flag.Target.Type()).Elem()); err != nil {
		return f.fail(value, full, "%v", err)
	}
	f.values[key.Value] = text
	return nil
}

// modelScheduling is the settings of one model; those left out are those of all.
type modelScheduling struct {
	Concurrency int           `yaml:"concurrency"`
	Queue       int           `yaml:"queue"`
	Timeout     time.Duration `yaml:"timeout"`
	BatchMax    int           `yaml:"batch-max"`
	BatchDelay  time.Duration `yaml:"batch-delay"`
	BatchSizes  []int         `yaml:"batch-sizes"`
}

func (f *configFile) readModels(node *yaml.Node) error {
	f.models = map[string]server.Scheduling{}
	return f.each(node, "scheduling.models", func(name, value *yaml.Node) error {
		full := "scheduling.models." + name.Value
		var m modelScheduling
		known := map[string]any{"concurrency": &m.Concurrency, "queue": &m.Queue, "timeout": &m.Timeout,
			"batch-max": &m.BatchMax, "batch-delay": &m.BatchDelay, "batch-sizes": &m.BatchSizes}
		err := f.each(value, full, func(key, value *yaml.Node) error {
			to := known[key.Value]
			if to == nil {
				return f.fail(key, full+"."+key.Value, "unknown key, expected concurrency, queue, timeout, batch-max, batch-delay or batch-sizes")
			}
			if err := value.Decode(to); err != nil {
				return f.fail(value, full+"."+key.Value, "%v", err)
			}
			return nil
		})
		f.models[name.Value] = server.Scheduling{Concurrency: m.Concurrency, Queue: m.Queue, Timeout: m.Timeout,
			BatchMax: m.BatchMax, BatchDelay: m.BatchDelay, BatchSizes: m.BatchSizes}
		return err
	})
}
