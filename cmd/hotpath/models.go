package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hotpath/hotpath/server/registry"
)

type modelsCmd struct {
	Publish  modelsPublishCmd  `cmd:"" help:"Add a model file as the next version of a model."`
	List     modelsListCmd     `cmd:"" help:"List models, versions and labels."`
	Show     modelsShowCmd     `cmd:"" help:"Show one model with the provenance of its versions."`
	Label    modelsLabelCmd    `cmd:"" help:"Point a label to a version."`
	Rollback modelsRollbackCmd `cmd:"" help:"Point a label back to where it was before its last move."`
	Delete   modelsDeleteCmd   `cmd:"" help:"Remove a version, or a whole model."`
	Alias    modelsAliasCmd    `cmd:"" help:"Make a name another name of a model, or move it to another model."`
	Policy   modelsPolicyCmd   `cmd:"" help:"Say which versions of a model servers keep ready."`
	Split    modelsSplitCmd    `cmd:"" help:"Divide the requests that name no version between labels."`
	Prune    modelsPruneCmd    `cmd:"" help:"Remove files that nothing refers to, such as what interrupted changes have left."`
	Verify   modelsVerifyCmd   `cmd:"" help:"Read every model and compare its digest, and signatures with --key."`
	Sign     modelsSignCmd     `cmd:"" help:"Sign a version in a directory that serve --models serves."`
	Keygen   modelsKeygenCmd   `cmd:"" help:"Make a key to sign models with, or one to encrypt them to."`
}

// storeFlags are those of every verb on a registry.
type storeFlags struct {
	Store string `help:"Registry directory (default: the user's)." placeholder:"DIR"`
	JSON  bool   `help:"Print one JSON object." name:"json"`
}

// print writes v as JSON, or what plain writes.
func (f *storeFlags) print(e *env, v any, plain func()) error {
	if f.JSON {
		return e.printJSON(v)
	}
	plain()
	return nil
}

// modelFlags are those of the verbs that work on the registry of a server too.
type modelFlags struct {
	storeFlags
	serverFlags
}

type modelsListCmd struct{ modelFlags }

// Run implements the verb.
func (c *modelsListCmd) Run(e *env) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	models, err := store.List()
	if err != nil {
		return err
	}
	if models == nil {
		models = []registry.Model{}
	}
	return c.print(e, map[string]any{"models": models}, func() {
		for _, m := range models {
			for _, v := range m.Versions {
				fmt.Fprintf(e.stdout, "%s\t%d\t%s\t%d bytes\t%s\t%s\n", m.Name, v.Number, v.Created.Format("2006-01-02 15:04:05"),
					v.Size, v.Digest[:12], strings.Join(labelsOf(m, v.Number), " "))
			}
		}
	})
}

func labelsOf(m registry.Model, version int64) (labels []string) {
	for _, l := range slices.Sorted(maps.Keys(m.Labels)) {
		if m.Labels[l] == version {
			labels = append(labels, l)
		}
	}
	return labels
}

type modelsShowCmd struct {
	Name string `arg:"" help:"Name of the model."`
	modelFlags
}

// Run implements the verb.
func (c *modelsShowCmd) Run(e *env) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	m, err := store.Show(c.Name)
	if err != nil {
		return err
	}
	return c.print(e, m, func() {
		for _, v := range m.Versions {
			fmt.Fprintf(e.stdout, "%s version %d %s\n  created %s\n  size    %d bytes\n  sha256  %s\n", m.Name, v.Number,
				strings.Join(labelsOf(m, v.Number), " "), v.Created.Format("2006-01-02 15:04:05 MST"), v.Size, v.Digest)
			for _, k := range slices.Sorted(maps.Keys(v.Provenance)) {
				fmt.Fprintf(e.stdout, "  %s: %s\n", k, v.Provenance[k])
			}
		}
	})
}

type modelsLabelCmd struct {
	Name    string `arg:"" help:"Name of the model."`
	Label   string `arg:"" help:"Label, such as stable."`
	Version int64  `arg:"" help:"Version it shall point to."`
	modelFlags
}

// Run implements the verb.
func (c *modelsLabelCmd) Run(e *env) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	if err := store.Label(c.Name, c.Label, c.Version); err != nil {
		return err
	}
	return c.printLabel(e, c.Name, c.Label, c.Version)
}

func (f *storeFlags) printLabel(e *env, name, label string, version int64) error {
	return f.print(e, map[string]any{"name": name, "label": label, "version": version}, func() {
		fmt.Fprintf(e.stdout, "%s: label %s points to version %d\n", name, label, version)
	})
}

type modelsRollbackCmd struct {
	Name  string `arg:"" help:"Name of the model."`
	Label string `help:"Label to move back." default:"stable" placeholder:"L"`
	modelFlags
}

// Run implements the verb.
func (c *modelsRollbackCmd) Run(e *env) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	version, err := store.Rollback(c.Name, c.Label)
	if err != nil {
		return err
	}
	return c.printLabel(e, c.Name, c.Label, version)
}

type modelsDeleteCmd struct {
	Name    string `arg:"" help:"Name of the model."`
	Version int64  `arg:"" optional:"" help:"Version to remove."`
	All     bool   `help:"Remove the model with all its versions."`
	modelFlags
}

// Run implements the verb.
func (c *modelsDeleteCmd) Run(e *env) error {
	if c.All == (c.Version != 0) {
		return fmt.Errorf("expected a version or --all: %w", errUsage)
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	if err := store.Delete(c.Name, c.Version); err != nil {
		return err
	}
	return c.print(e, map[string]any{"name": c.Name, "deleted": c.Version, "all": c.All}, func() {
		if c.All {
			fmt.Fprintf(e.stdout, "deleted %s\n", c.Name)
			return
		}
		fmt.Fprintf(e.stdout, "deleted %s version %d\n", c.Name, c.Version)
	})
}

type modelsPruneCmd struct{ modelFlags }

// Run implements the verb.
func (c *modelsPruneCmd) Run(e *env) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	removed, err := store.Prune()
	if err != nil {
		return err
	}
	return c.print(e, map[string]any{"removed": append([]string{}, removed...)}, func() {
		fmt.Fprintf(e.stdout, "removed %d files\n", len(removed))
	})
}

type modelsVerifyCmd struct {
	Key []string `help:"PEM file of a public key: every version must be signed by one of them." placeholder:"FILE" type:"existingfile"`
	identityFlag
	storeFlags
}

// Run implements the verb. It fails if anything is wrong with a version.
func (c *modelsVerifyCmd) Run(e *env) error {
	store := openStore(c.Store)
	if err := store.Check(); err != nil {
		return err
	}
	access, err := c.access(c.Key)
	if err != nil {
		return err
	}
	r, err := store.Verify(access)
	if err != nil {
		return err
	}
	if err := c.print(e, r, func() {
		for _, p := range r.Problems {
			fmt.Fprintf(e.stdout, "broken  %s\n", p)
		}
		for _, o := range r.Orphans {
			fmt.Fprintf(e.stdout, "unused  %s\n", o)
		}
		fmt.Fprintf(e.stdout, "%d versions checked, %d problems, %d unused files\n", r.Versions, len(r.Problems), len(r.Orphans))
	}); err != nil {
		return err
	}
	if len(r.Problems) > 0 {
		return fmt.Errorf("%d problems in %d versions", len(r.Problems), r.Versions)
	}
	return nil
}
