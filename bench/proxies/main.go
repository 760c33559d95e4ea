// Command proxies runs nginx and HAProxy, with the configurations of cmd/hotpath/deploy, in front of the shipped binary, and checks
// that what clients see through them is what the server says: limits and their Retry-After, large and chunked bodies, clients
// that go away, gRPC, restarts and upgrades under load, with and without TLS to the server, and where requests end.
//
//	go run ./bench/proxies -hotpath bin/hotpath
//
// It prints a line per check, and ends with exit code 1 where one failed. A proxy that is not installed is skipped.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// check is one thing to prove.
type check struct {
	name string
	run  func(*site) error
}

var checks = []check{
	{"answers, with and without HTTP/2", answers},
	{"limits of bodies", bodyLimits},
	{"large bodies both ways", largeBodies},
	{"limits of keys and queues", retryAfter},
	{"the page's own requests", ownPage},
	{"clients that go away", goneClients},
	{"gRPC", calls},
	{"a server that ends under load, and comes back", restarts},
	{"upgrades in place under load", upgrades},
}

func main() {
	binary := flag.String("hotpath", "bin/hotpath", "the binary")
	only := flag.String("only", "", "nginx or haproxy")
	flag.Parse()
	if err := run(*binary, *only); err != nil {
		fmt.Fprintln(os.Stderr, "proxies:", err)
		os.Exit(1)
	}
}

func run(binary, only string) error {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	failed, ran := 0, 0
	report := func(name string, begun time.Time, err error) {
		ran++
		if err != nil {
			failed++
			fmt.Printf("FAIL %s: %s\n", name, strings.TrimSpace(err.Error()))
			return
		}
		fmt.Printf("ok   %s (%.1f s)\n", name, time.Since(begun).Seconds())
	}
	for _, kind := range proxies {
		if only != "" && only != kind.name {
			continue
		}
		program, err := find(kind.name)
		if err != nil {
			fmt.Printf("skip %s: not installed\n", kind.name)
			continue
		}
		for _, encrypted := range []bool{false, true} {
			what := kind.name
			if encrypted {
				what += ", TLS to the server"
			}
			begun := time.Now()
			s, err := open(binary, program, kind, encrypted)
			if err != nil {
				report(what, begun, err)
				continue
			}
			for _, c := range checks {
				begun := time.Now()
				report(what+": "+c.name, begun, c.run(s))
			}
			if err := s.close(); err != nil {
				report(what, begun, err)
			}
		}
		begun := time.Now()
		report(kind.name+": where requests end", begun, boundaries(binary, program, kind))
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d failed", failed, ran)
	}
	return nil
}

// find is a program of the path, or of where those of administrators are.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrNotFound) {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	return path, err
}
