package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hotpath/hotpath/server"
)

type modelsAliasCmd struct {
	Alias  string `arg:"" help:"The other name."`
	Name   string `arg:"" optional:"" help:"Name of the model."`
	Delete bool   `help:"Remove the alias."`
	modelFlags
}

// Run implements the verb.
func (c *modelsAliasCmd) Run(e *env) error {
	if c.Delete == (c.Name != "") {
		return fmt.Errorf("expected the name of a model or --delete: %w", errUsage)
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	if c.Delete {
		if err := store.DeleteAlias(c.Alias); err != nil {
			return err
		}
		return c.print(e, map[string]any{"alias": c.Alias, "deleted": true}, func() { fmt.Fprintf(e.stdout, "deleted alias %s\n", c.Alias) })
	}
	if err := store.SetAlias(c.Alias, c.Name); err != nil {
		return err
	}
	return c.print(e, map[string]any{"alias": c.Alias, "model": c.Name}, func() {
		fmt.Fprintf(e.stdout, "%s is another name of %s\n", c.Alias, c.Name)
	})
}

type modelsPolicyCmd struct {
	Name   string `arg:"" help:"Name of the model."`
	Policy string `arg:"" optional:"" help:"latest, latest:N, all or specific:N,N; nothing for that of the server. Versions with a label are ready in any case."`
	modelFlags
}

// Run implements the verb.
func (c *modelsPolicyCmd) Run(e *env) error {
	if c.Policy != "" {
		if _, err := server.ParsePolicy(c.Policy); err != nil {
			return fmt.Errorf("%w: %w", err, errUsage)
		}
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	if err := store.SetPolicy(c.Name, c.Policy); err != nil {
		return err
	}
	return c.print(e, map[string]any{"name": c.Name, "policy": c.Policy}, func() {
		fmt.Fprintf(e.stdout, "%s: %s\n", c.Name, nonEmpty(c.Policy, "the server's policy"))
	})
}

type modelsSplitCmd struct {
	Name    string         `arg:"" help:"Name of the model."`
	Weights map[string]int `arg:"" optional:"" help:"Weights of labels, such as stable=90 canary=10; nothing ends the split. Requests with one X-Hotpath-Key go one way."`
	modelFlags
}

// Run implements the verb.
func (c *modelsSplitCmd) Run(e *env) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	if err := store.SetSplit(c.Name, c.Weights); err != nil {
		return err
	}
	return c.print(e, map[string]any{"name": c.Name, "split": c.Weights}, func() {
		if len(c.Weights) == 0 {
			fmt.Fprintf(e.stdout, "%s: no split\n", c.Name)
			return
		}
		var parts []string
		for _, label := range slices.Sorted(maps.Keys(c.Weights)) {
			parts = append(parts, fmt.Sprintf("%s=%d", label, c.Weights[label]))
		}
		fmt.Fprintf(e.stdout, "%s: %s\n", c.Name, strings.Join(parts, " "))
	})
}
