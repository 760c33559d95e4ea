package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/hotpath/hotpath/server/registry"
)

type modelsSignCmd struct {
	Dir    string `arg:"" help:"Directory of the version, NAME/NUMBER; model.sig is written into it." type:"existingdir"`
	Key    string `help:"PEM file of a private key (hotpath models keygen, or openssl)." required:"" placeholder:"FILE" type:"existingfile"`
	Name   string `help:"Name of the model (default: as the directory says)." placeholder:"NAME"`
	Number int64  `help:"Number of the version (default: as the directory says)." placeholder:"N"`
	JSON   bool   `help:"Print one JSON object." name:"json"`
}

// Help implements kong's long help.
func (modelsSignCmd) Help() string {
	return `The signature is of the name, the number and every file below the directory: what serve --models --require-signature serves is as it was
signed, and a signature of one version is none of another.`
}

// Run implements the verb.
func (c *modelsSignCmd) Run(e *env) error {
	abs, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	name, version := c.Name, c.Number
	if name == "" {
		name = filepath.Base(filepath.Dir(abs))
	}
	if version == 0 {
		if version, err = strconv.ParseInt(filepath.Base(abs), 10, 64); err != nil {
			return fmt.Errorf("%s: expected a directory whose name is the number of the version, or --number: %w", c.Dir, errUsage)
		}
	}
	if err := registry.CheckName(name); err != nil || version < 1 {
		return fmt.Errorf("%s version %d: expected a name of a model and a number from 1: %w", name, version, errUsage)
	}
	signer, err := readKey(c.Key, registry.ReadSigner)
	if err != nil {
		return err
	}
	dir, err := os.OpenRoot(abs)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := signer.SignDir(dir, name, version); err != nil {
		return fmt.Errorf("%s: %w", c.Dir, err)
	}
	file := filepath.Join(c.Dir, registry.SignatureFile)
	if c.JSON {
		return e.printJSON(map[string]any{"name": name, "version": version, "signature": file})
	}
	fmt.Fprintf(e.stdout, "signed %s version %d in %s\n", name, version, file)
	return nil
}
