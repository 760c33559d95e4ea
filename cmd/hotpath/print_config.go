package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// printConfig prints the settings in force as a file that --config reads, with what each of them means; those that are not set are
// commented out.
func (c *serveCmd) printConfig(e *env, flags []*kong.Flag) error {
	var b bytes.Buffer
	b.WriteString("# Settings of hotpath serve, for --config. A flag of the same name wins over the environment (HOTPATH_MAX_BODY for max-body),\n" +
		"# that over this file. SIGHUP reads it anew: what is marked \"at once\" is then in force, the rest after a restart or SIGUSR2.\n")
	sections := []string{""}
	for _, flag := range flags {
		if s := section(flag); !slices.Contains(sections, s) {
			sections = append(sections, s)
		}
	}
	for _, s := range sections {
		indent := ""
		if s != "" {
			fmt.Fprintf(&b, "\n%s:\n", s)
			indent = "  "
		}
		for _, flag := range flags {
			if slices.Contains(notSettings, flag.Name) || section(flag) != s {
				continue
			}
			if err := printFlag(&b, indent, flag); err != nil {
				return err
			}
		}
	}
	if err := c.printModels(&b); err != nil {
		return err
	}
	_, err := e.stdout.Write(b.Bytes())
	return err
}

func printFlag(b *bytes.Buffer, indent string, flag *kong.Flag) error {
	fmt.Fprintf(b, "\n%s# %s", indent, flag.Help)
	switch flag.Tag.Get("live") {
	case "set":
		b.WriteString(" (at once, where it was set before)")
	default:
		if flag.Tag.Has("live") {
			b.WriteString(" (at once)")
		}
	}
	b.WriteByte('\n')
	if flag.Target.IsZero() {
		placeholder := "N"
		switch {
		case flag.PlaceHolder != "":
			placeholder = flag.PlaceHolder
		case flag.IsBool():
			placeholder = "true"
		}
		fmt.Fprintf(b, "%s# %s: %s\n", indent, flag.Name, placeholder)
		return nil
	}
	text, err := inline(flag.Target.Interface())
	if err != nil {
		return fmt.Errorf("print --%s: %w", flag.Name, err)
	}
	fmt.Fprintf(b, "%s%s: %s", indent, flag.Name, text)
	return nil
}

// printModels prints the table of what can be set for single models, and what is.
func (c *serveCmd) printModels(b *bytes.Buffer) error {
	fmt.Fprintf(b, "\n# What differs for single models, all of it at once:\n#\n# %s:\n#   NAME:\n", perModel)
	keys, fields := modelKeys()
	for i, f := range fields {
		fmt.Fprintf(b, "#     # %s\n#     %s: %s\n", f.Tag.Get("help"), keys[i], f.Tag.Get("placeholder"))
	}
	if len(c.perModel) == 0 {
		return nil
	}
	text, err := yaml.Marshal(map[string]any{perModel: c.perModel})
	if err != nil {
		return fmt.Errorf("print what is set for single models: %w", err)
	}
	b.WriteByte('\n')
	b.Write(text)
	return nil
}

// inline is a value as YAML on one line.
func inline(v any) ([]byte, error) {
	var n yaml.Node
	if err := n.Encode(v); err != nil {
		return nil, err
	}
	n.Style = yaml.FlowStyle
	return yaml.Marshal(&n)
}

// MarshalText implements encoding.TextMarshaler: the form that UnmarshalText reads.
func (b byteSize) MarshalText() ([]byte, error) {
	n, unit := int64(b), 0
	for unit < 3 && n != 0 && n%1024 == 0 {
		n, unit = n/1024, unit+1
	}
	return fmt.Appendf(nil, "%d%s", n, strings.Fields("B KiB MiB GiB")[unit]), nil
}
