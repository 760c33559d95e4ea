package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/hotpath/hotpath/bench/process"
	"github.com/hotpath/hotpath/server/registry"
)

func dial(host string) (net.Conn, error) { return net.Dial("tcp", host) }

// maxGrowth is how much the resident memory may grow over the cycles.
const maxGrowth = 0.05

// rest is how long memory that is free has to go back to the system: some turns of the server.
const rest = 3 * time.Second

// cycles loads and unloads a model of 16 MiB, and compares the resident memory of the process at rest, with the model in
// memory, after the first tenth and at the end.
func cycles(s settings, store string, figure map[string]any) error {
	srv, err := serve(s.binary, store)
	if err != nil {
		return err
	}
	defer srv.Stop()
	data, err := model(1, 2048, 1)
	if err != nil {
		return err
	}
	if err := srv.must("POST", "/admin/models/m", data); err != nil {
		return err
	}
	var rss [2]int64
	for part, n := range []int{s.cycles / 10, s.cycles - s.cycles/10} {
		for range n {
			if err := srv.must("POST", "/admin/models/m/unload", nil); err != nil {
				return err
			}
			if err := srv.must("POST", "/admin/models/m/load", nil); err != nil {
				return err
			}
		}
		time.Sleep(rest)
		if rss[part], err = srv.Memory("VmRSS"); err != nil {
			return err
		}
	}
	growth := float64(rss[1])/float64(rss[0]) - 1
	figure["cycles"], figure["model_bytes"], figure["early_rss"], figure["late_rss"], figure["rss_ratio"] = s.cycles, len(data), rss[0], rss[1], 1+growth
	if growth > maxGrowth && s.cycles >= minCycles {
		return fmt.Errorf("resident memory grew from %d to %d bytes", rss[0], rss[1])
	}
	return nil
}

// minCycles is how many cycles tell growth from chance.
const minCycles = 1000

// kills runs publishers, two at a time, and kills them at random moments.
func kills(s settings, store string, figure map[string]any) error {
	data, err := model(1, width, 1)
	if err != nil {
		return err
	}
	file := filepath.Join(os.TempDir(), fmt.Sprintf("hotpath-life-%d.onnx", os.Getpid()))
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return err
	}
	defer os.Remove(file)
	publish := func() *exec.Cmd {
		return exec.Command(s.binary, "models", "publish", "m", file, "--label", "stable", "--store", store)
	}
	begun := time.Now()
	if out, err := publish().CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w", out, err)
	}
	whole := time.Since(begun)
	acknowledged, killed := 1, 0
	r := registry.New(store)
	for round := 0; round < s.kills; round += 2 {
		var both sync.WaitGroup
		var done [2]bool
		for i := range done {
			delay := time.Duration(rand.Int64N(int64(2 * whole)))
			both.Go(func() {
				cmd := publish()
				if cmd.Start() != nil {
					return
				}
				timer := time.AfterFunc(delay, func() { _ = cmd.Process.Kill() })
				done[i] = cmd.Wait() == nil
				timer.Stop()
			})
		}
		both.Wait()
		for _, d := range done {
			if d {
				acknowledged++
			} else {
				killed++
			}
		}
		if err := sound(r, acknowledged, acknowledged+killed); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
	}
	m, err := r.Show("m")
	if err != nil {
		return err
	}
	figure["publishers"], figure["killed"], figure["acknowledged"], figure["versions"] = acknowledged+killed, killed, acknowledged, len(m.Versions)
	if err := r.Check(); err != nil {
		return err
	}
	report, err := r.Verify(registry.Access{})
	if err == nil && len(report.Problems) > 0 {
		err = fmt.Errorf("%v", report.Problems)
	}
	return err
}

// sound proves that there are at least as many versions as were acknowledged, numbered without a gap, and that the
// label is on the last one.
func sound(r *registry.Store, atLeast, atMost int) error {
	m, err := r.Show("m")
	if err != nil {
		return err
	}
	if n := len(m.Versions); n < atLeast || n > atMost {
		return fmt.Errorf("%d versions, %d were acknowledged", n, atLeast)
	}
	for i, v := range m.Versions {
		if v.Number != int64(i+1) {
			return fmt.Errorf("version %d at place %d", v.Number, i+1)
		}
	}
	if m.Labels["stable"] != int64(len(m.Versions)) {
		return fmt.Errorf("the label is on version %d of %d", m.Labels["stable"], len(m.Versions))
	}
	return nil
}

// maxCold is the longest time from exec to ready.
const maxCold = 100 * time.Millisecond

// cold starts the server with ten small models.
func cold(s settings, store string, figure map[string]any) error {
	for i := range 10 {
		data, err := model(float32(i+1), 64+i, 2)
		if err != nil {
			return err
		}
		file := store + ".onnx"
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return err
		}
		if out, err := exec.Command(s.binary, "models", "publish", fmt.Sprint("m", i), file, "--store", store).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w", out, err)
		}
	}
	var times []float64
	for range s.colds {
		begun := time.Now()
		srv, err := serve(s.binary, store)
		if err != nil {
			return err
		}
		err = process.Until(time.Minute, "ready", func() (bool, error) {
			resp, err := http.Get(srv.URL + "/readyz")
			if err != nil {
				return false, err
			}
			return resp.StatusCode == http.StatusOK, resp.Body.Close()
		})
		times = append(times, float64(time.Since(begun).Microseconds())/1e3)
		srv.Stop()
		if err != nil {
			return err
		}
	}
	figure["models"], figure["starts"], figure["ready_ms"] = 10, s.colds, median(times)
	if t := median(times); t > float64(maxCold.Milliseconds()) {
		return fmt.Errorf("ready after %.0f ms, expected at most %v", t, maxCold)
	}
	return nil
}
