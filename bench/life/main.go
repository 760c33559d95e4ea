// Command life measures what happens to requests while models come, change and go, on the shipped binary:
//
//	swaps    versions are published, labelled and broken under connections that ask all the time: nothing may fail,
//	         and every answer must be that of the version it names
//	loads    the latency of one model while a large other one is loaded and unloaded, against quiet, in turns
//	terms    the server is restarted under such connections, as systemd does it: SIGTERM, and the next on the same socket
//	cycles   resident memory over many loads and unloads
//	kills    publishers are killed at random moments: what was acknowledged must be there
//	cold     time from exec to ready with ten small models
//
// A figure that breaks its promise ends it with exit code 1.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// settings are the flags.
type settings struct {
	binary                                           string
	conns, swaps, loads, terms, cycles, kills, colds int
	seconds                                          float64
}

func main() {
	var s settings
	flag.StringVar(&s.binary, "hotpath", "bin/hotpath", "the binary")
	flag.IntVar(&s.conns, "conns", 64, "connections during swaps and restarts")
	flag.IntVar(&s.swaps, "swaps", 500, "versions to publish")
	flag.IntVar(&s.loads, "loads", 10, "turns of quiet and loads; 0 for none")
	flag.Float64Var(&s.seconds, "seconds", 1, "length of one turn")
	flag.IntVar(&s.terms, "terms", 200, "restarts")
	flag.IntVar(&s.cycles, "cycles", 1000, "loads and unloads of one model")
	flag.IntVar(&s.kills, "kills", 1000, "publishers to kill")
	flag.IntVar(&s.colds, "colds", 20, "starts")
	flag.Parse()
	if err := run(s); err != nil {
		fmt.Fprintln(os.Stderr, "life:", err)
		os.Exit(1)
	}
}

// run measures everything in turn, prints one JSON object, and returns the first broken promise.
func run(s settings) error {
	dir, err := os.MkdirTemp("", "hotpath-life-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	figures := map[string]any{}
	var broken error
	for i, m := range []struct {
		name    string
		count   int
		measure func(settings, string, map[string]any) error
	}{
		{"swaps", s.swaps, swaps}, {"loads", s.loads, loads}, {"terms", s.terms, terms}, {"cycles", s.cycles, cycles}, {"kills", s.kills, kills},
		{"cold", s.colds, cold},
	} {
		if m.count == 0 {
			continue
		}
		figure := map[string]any{}
		err := m.measure(s, filepath.Join(dir, fmt.Sprint(i)), figure)
		figures[m.name] = figure
		if err != nil && broken == nil {
			broken = fmt.Errorf("%s: %w", m.name, err)
		}
	}
	text, err := json.MarshalIndent(figures, "", "  ")
	if err != nil {
		return err
	}
	fmt.Println(string(text))
	return broken
}
