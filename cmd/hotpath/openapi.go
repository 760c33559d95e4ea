package main

import (
	"fmt"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/registry"
)

type openAPICmd struct{}

// Help implements kong's long help.
func (openAPICmd) Help() string {
	return "A server answers GET /openapi.json with it too; there ?model=NAME gives the schemas of one model's inputs."
}

// Run implements the verb.
func (openAPICmd) Run(e *env) error {
	text, err := server.OpenAPI(server.Config{APIs: (&serveCmd{}).apis(openStore(""), registry.Access{})})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "%s\n", text)
	return err
}
