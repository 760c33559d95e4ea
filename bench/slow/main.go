// Command slow measures what slow clients cost a server, on the shipped binary: connections that send half a head, and
// connections that claim a large body and send one byte of it, beside honest clients. Turns without and with them alternate,
// since a machine that others use has slow seconds: the medians of the turns are compared.
//
//	go run ./bench/slow -hotpath bin/hotpath
//
// It prints one JSON object, and ends with exit code 1 where memory or the honest 99th percentile break their promise.
// The open files of this process and of the server bound the connections.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/hotpath/hotpath/bench/load"
	"github.com/hotpath/hotpath/bench/process"
)

const (
	maxResident = 128 << 20 // bytes
	maxSlower   = 2.0       // honest p99 over that without slow clients
	maxIdle     = 40 << 20  // bytes, before the first request
)

type settings struct {
	binary         string
	heads, bodies  int
	conns, claimed int
	rate           float64
	turn           time.Duration
	turns          int
}

func main() {
	var s settings
	flag.StringVar(&s.binary, "hotpath", "bin/hotpath", "the binary")
	flag.IntVar(&s.heads, "heads", 2000, "connections with half a head")
	flag.IntVar(&s.bodies, "bodies", 200, "connections with one byte of a body")
	flag.IntVar(&s.claimed, "claimed", 32<<20, "Content-Length of those")
	flag.IntVar(&s.conns, "conns", 8, "honest connections")
	flag.Float64Var(&s.rate, "rate", 2000, "honest requests per second")
	flag.DurationVar(&s.turn, "turn", 2*time.Second, "length of a turn")
	flag.IntVar(&s.turns, "turns", 5, "turns without and with slow clients")
	flag.Parse()
	if err := run(s); err != nil {
		fmt.Fprintln(os.Stderr, "slow:", err)
		os.Exit(1)
	}
}

func run(s settings) error {
	store, err := os.MkdirTemp("", "hotpath-slow-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(store)
	srv, err := process.Begin(exec.Command(s.binary, "serve", "--http", "127.0.0.1:0", "--store", store, "--drain-grace", "1ms", "--log-level", "error"))
	if err != nil {
		return err
	}
	defer srv.Stop()
	address := srv.Address()
	time.Sleep(time.Second)
	idle, err := srv.Memory("VmRSS")
	if err != nil {
		return err
	}
	var alone, beside []time.Duration
	for range s.turns {
		before, err := honest(s, address)
		if err != nil {
			return err
		}
		slow, err := open(s, address)
		if err == nil {
			var with time.Duration
			with, err = honest(s, address)
			alone, beside = append(alone, before), append(beside, with)
		}
		for _, c := range slow {
			c.Close()
		}
		if err != nil {
			return err
		}
	}
	peak, err := srv.Memory("VmHWM")
	if err != nil {
		return err
	}
	ratio := float64(median(beside)) / float64(median(alone))
	text, err := json.MarshalIndent(map[string]any{"heads": s.heads, "bodies": s.bodies, "turns": s.turns,
		"idle_rss": idle, "peak_rss": peak, "rss_per_connection": (peak - idle) / int64(s.heads+s.bodies),
		"p99_us": median(alone).Microseconds(), "p99_beside_us": median(beside).Microseconds(), "p99_ratio": ratio}, "", "  ")
	if err != nil {
		return err
	}
	fmt.Println(string(text))
	switch {
	case idle > maxIdle:
		return fmt.Errorf("%d bytes resident when idle, expected at most %d", idle, maxIdle)
	case peak > maxResident:
		return fmt.Errorf("%d bytes resident, expected at most %d", peak, maxResident)
	case ratio > maxSlower:
		return fmt.Errorf("honest p99 is %.2f times that without slow clients, expected at most %v", ratio, maxSlower)
	}
	return nil
}

// open makes the slow connections, which the server cuts after its timeout for heads, longer than a turn.
func open(s settings, address string) (conns []net.Conn, err error) {
	for i := range s.heads + s.bodies {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return conns, fmt.Errorf("connection %d: %w", i, err)
		}
		conns = append(conns, c)
		part := "POST /predict HTTP/1.1\r\nHost: loc"
		if i >= s.heads {
			part = fmt.Sprintf("POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{", s.claimed)
		}
		if _, err := c.Write([]byte(part)); err != nil {
			return conns, fmt.Errorf("connection %d: %w", i, err)
		}
	}
	return conns, nil
}

func median(v []time.Duration) time.Duration {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// honest is the 99th percentile of honest requests to the embedded model.
func honest(s settings, address string) (time.Duration, error) {
	body := []byte(`{"input_data": [[` + strings.TrimSuffix(strings.Repeat("0, ", 64), ", ") + `]]}`)
	r, err := load.Offer(context.Background(), load.Options{Address: address, Conns: s.conns, Rate: s.rate, Duration: s.turn,
		Requests: [][]byte{load.Post(address, "/predict", body)}})
	if err == nil && (r.Failed > 0 || r.Good.Count() == 0) {
		err = fmt.Errorf("%d honest requests failed, %d answered: %w", r.Failed, r.Good.Count(), r.First)
	}
	if err != nil {
		return 0, err
	}
	return r.Good.Quantile(0.99), nil
}
