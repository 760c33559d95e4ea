package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// envPrefix begins the names of environment variables: HOTPATH_MAX_BODY stands for --max-body.
const envPrefix = "HOTPATH_"

// notSettings are the flags of serve that neither a file nor the environment can give.
var notSettings = []string{"help", "config", "print-config", "version"}

// configFile is a file of settings. The one table of them are the flags of serve: a key is the name of a flag, the section it stands in
// its group (a tag of the field), and what has the tag live can be changed by reading the file anew. Of a flag on the command line, an environment variable, the file and the default, the first
// that is there counts.
type configFile struct {
	name   string
	values map[string]any // by flag
	models map[string]modelSettings
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
	c.file = name
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
	known := map[string][]string{} // flags by section, "" for those in none
	for name, flag := range flags {
		if !slices.Contains(notSettings, name) {
			known[section(flag)] = append(known[section(flag)], name)
		}
	}
	top := append(slices.Sorted(maps.Keys(known))[1:], perModel)
	return f.each(doc.Content[0], "the file", func(key, value *yaml.Node) error {
		switch names := known[key.Value]; {
		case key.Value == perModel:
			return f.readModels(value)
		case key.Value != "" && names != nil:
			return f.each(value, key.Value, func(inner, value *yaml.Node) error {
				return f.set(inner, value, key.Value+"."+inner.Value, flags, names)
			})
		}
		return f.set(key, value, key.Value, flags, known[""], top...)
	})
}

// section is the section of a flag, "" for none.
func section(flag *kong.Flag) string {
	if flag.Group == nil {
		return ""
	}
	return flag.Group.Key
}

// each goes through a mapping.
func (f *configFile) each(node *yaml.Node, what string, visit func(key, value *yaml.Node) error) error {
	if node.Kind == yaml.ScalarNode && node.Tag == "!!null" { // all that could stand there is commented out
		return nil
	}
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

// set takes the value of a flag, which must be one of known; sections are what else the key may be.
func (f *configFile) set(key, value *yaml.Node, full string, flags map[string]*kong.Flag, known []string, sections ...string) error {
	flag := flags[key.Value]
	if flag == nil || !slices.Contains(known, key.Value) {
		return f.fail(key, full, "unknown key, expected one of %s", strings.Join(append(slices.Sorted(slices.Values(known)), sections...), ", "))
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
	to := reflect.New(flag.Target.Type()).Elem()
	if err := flag.Parse(kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: text}), to); err != nil {
		return f.fail(value, full, "%v", err)
	}
	if flag.Enum != "" && !flag.EnumMap()[text] {
		return f.fail(value, full, "%q, expected one of %s", text, strings.Join(flag.EnumSlice(), ", "))
	}
	if err := inRange(flag, to); err != nil {
		return f.fail(value, full, "%v", err)
	}
	f.values[key.Value] = text
	return nil
}

// Validate implements kong's hook.
func (c *serveCmd) Validate(ctx *kong.Context) error {
	for _, flag := range ctx.Selected().Flags {
		if err := inRange(flag, flag.Target); err != nil {
			return fmt.Errorf("--%s: %w", flag.Name, err)
		}
	}
	return nil
}

// inRange says what is wrong with a number: no setting is negative, and one that has a default is not 0, which would mean the
// default, unless its tag says what 0 is.
func inRange(flag *kong.Flag, v reflect.Value) error {
	return checkNumber(v, !flag.HasDefault || flag.Default == "0s" || flag.Tag.Has("zero"))
}

// checkNumber says what is wrong with a number or a list of whole ones, whose elements are never 0.
func checkNumber(v reflect.Value, zero bool) error {
	switch {
	case v.CanInt() && v.Int() < 0 || v.CanFloat() && v.Float() < 0:
		return errors.New("expected nothing below 0")
	case (v.CanInt() || v.CanFloat()) && v.IsZero() && !zero:
		return errors.New("expected more than 0")
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			if err := checkNumber(v.Index(i), false); err != nil {
				return err
			}
		}
	}
	return nil
}
