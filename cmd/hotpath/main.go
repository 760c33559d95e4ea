// Command hotpath takes a model from data to a monitored, secured network service. Each verb is one file here.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"

	"github.com/alecthomas/kong"

	"github.com/hotpath/hotpath/internal/build"
	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/loader"
)

// Exit codes; scripts rely on them.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// errUsage marks an error of the command line rather than of the work: exit code 2.
var errUsage = errors.New("usage")

// cli lists the verbs. A verb is a struct with flags and Run(*env) error in a file of its own, and a line here.
type cli struct {
	Version     kong.VersionFlag `help:"Print version, instruction set and processor."`
	FollowLinks bool             `help:"Let weights beside a model be links, symbolic or hard, to files elsewhere, as in stores that keep content by digest."`

	Train    trainCmd    `cmd:"" help:"Fit a model to a table and write it as ONNX."`
	Eval     evalCmd     `cmd:"" help:"Compare the answers of a model with a table."`
	Inspect  inspectCmd  `cmd:"" help:"Show what is in a model file."`
	Convert  convertCmd  `cmd:"" help:"Write a model of another format as ONNX."`
	Optimize optimizeCmd `cmd:"" help:"Rewrite a model to a faster one with the same answers."`
	Quantize quantizeCmd `cmd:"" help:"Make an integer model of a float one."`
	Bench    benchCmd    `cmd:"" help:"Measure."`
	Run      runCmd      `cmd:"" help:"Run one inference on arrays from a file."`
	Serve    serveCmd    `cmd:"" help:"Serve models over HTTP."`
	Top      topCmd      `cmd:"" help:"Show what a running server does, in the terminal."`
	Models   modelsCmd   `cmd:"" help:"Keep models in a registry: publish, list, show, label, alias, policy, split, rollback, delete, prune, verify, sign, keygen, here or on a server."`
	Keys     keysCmd     `cmd:"" help:"Make, list, rotate and revoke API keys."`
	OpenAPI  openAPICmd  `cmd:"" name:"openapi" help:"Print the OpenAPI document of the server's routes."`
}

// env is what every verb runs with.
type env struct {
	stdout, stderr io.Writer
	terminal       bool           // stderr is a terminal: progress bars instead of plain lines
	models         loader.Options // how model files are opened
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit code. Errors are one sentence on stderr.
func run(args []string, stdout, stderr io.Writer) (code int) {
	e := &env{stdout: stdout, stderr: stderr, terminal: isTerminal(stderr)}
	defer func() {
		if r := recover(); r != nil {
			if x, ok := r.(exitRequest); ok { // --help and --version leave kong this way
				code = int(x)
				return
			}
			panic(r)
		}
	}()
	var c cli
	parser, err := newParser(&c, stdout, stderr)
	if err != nil {
		return fail(stderr, err)
	}
	if err := cpu.EnvError(); err != nil {
		return fail(stderr, fmt.Errorf("%w: %w", err, errUsage))
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return fail(stderr, fmt.Errorf("%w (hotpath --help lists the verbs): %w", err, errUsage))
	}
	e.models = loader.Options{FollowLinks: c.FollowLinks}
	if err := ctx.Run(e); err != nil {
		return fail(stderr, err)
	}
	return exitOK
}

// newParser makes the parser of the command line.
func newParser(c *cli, stdout, stderr io.Writer) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("hotpath"),
		kong.Description("Train, convert, compress, register, serve and monitor models; one static binary."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exitRequest(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.UsageOnError(),
		kong.NamedMapper("existingpath", kong.MapperFunc(existingPath)),
		kong.Vars{"version": fmt.Sprintf("hotpath %s isa %s (%s)", build.Version(), cpu.Current(), cpu.Name())},
	)
}

// existingPath maps an argument that names a file or a directory.
func existingPath(ctx *kong.DecodeContext, target reflect.Value) error {
	var path string
	if err := ctx.Scan.PopValueInto("path", &path); err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return err
	}
	target.SetString(path)
	return nil
}

type exitRequest int

func fail(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "hotpath: %v\n", err)
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	return exitFailed
}
