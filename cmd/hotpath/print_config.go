package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"

	"github.com/hotpath/hotpath/server"
)

// printConfig prints the settings in force as a file that --config reads.
func (c *serveCmd) printConfig(e *env, flags []*kong.Flag) error {
	top := map[string]any{}
	for _, flag := range flags {
		if slices.Contains(notSettings, flag.Name) || flag.Target.IsZero() {
			continue
		}
		in := top
		if s := section(flag.Name); s != "" {
			if top[s] == nil {
				top[s] = map[string]any{}
			}
			in = top[s].(map[string]any)
		}
		in[flag.Name] = flag.Target.Interface()
	}
	if len(c.perModel) > 0 {
		models := map[string]map[string]any{}
		for name, m := range c.perModel {
			models[name] = settingsOf(m)
		}
		top["scheduling"].(map[string]any)[perModel] = models
	}
	text, err := yaml.Marshal(top)
	if err != nil {
		return fmt.Errorf("print the configuration: %w", err)
	}
	_, err = fmt.Fprint(e.stdout, string(text))
	return err
}

// settingsOf is what is set for one model.
func settingsOf(m server.Scheduling) map[string]any {
	set := map[string]any{}
	add := func(key string, is bool, v any) {
		if is {
			set[key] = v
		}
	}
	add("concurrency", m.Concurrency != 0, m.Concurrency)
	add("queue", m.Queue != 0, m.Queue)
	add("timeout", m.Timeout != 0, m.Timeout)
	add("batch-max", m.BatchMax != 0, m.BatchMax)
	add("batch-delay", m.BatchDelay != 0, m.BatchDelay)
	add("batch-sizes", m.BatchSizes != nil, m.BatchSizes)
	return set
}

// MarshalText implements encoding.TextMarshaler: the form that UnmarshalText reads.
func (b byteSize) MarshalText() ([]byte, error) {
	n, unit := int64(b), 0
	for unit < 3 && n != 0 && n%1024 == 0 {
		n, unit = n/1024, unit+1
	}
	return fmt.Appendf(nil, "%d%s", n, strings.Fields("B KiB MiB GiB")[unit]), nil
}
