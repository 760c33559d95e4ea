// Command overload measures what a server that is asked too much still does, on the shipped binary:
//
//	go run ./bench/overload                                          # the network 100-128-64-1
//	go run ./bench/overload -model .cache/models/minilm.onnx         # unknown axes beyond the rows have -size elements
//
// It finds the peak of a closed loop, then offers multiples of it in an open loop: requests become due at a constant rate,
// whether those before them were answered or not, and their clients give up at a deadline, which the requests state. Turns of
// overload stand between two of peak, and the goodput, answers in time per second, is compared with the mean of the two.
// Requests are those of the Open Inference Protocol with binary tensors.
//
// The client runs on the same cores: at ten times the load it takes some of them from the server. The figures that are
// checked contain that; used_by_client says how much it is, in cores, and goodput_of_rest compares with the peak on the cores
// that were left by it, counted as if the peak were the cores'. A client that cannot offer the rate says so by offered_per_second.
//
// It prints one JSON object, and ends with exit code 1 where a promise is broken.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

type settings struct {
	binary, model, extra string
	rows, size           int
	peakConns, conns     int
	factors              []float64
	deadline, turn       time.Duration
	rounds               int
}

// promised is the least goodput by the factor of overload, and the slowest answers at the 99th percentile.
var promised = map[float64]float64{2: 0.95, 10: 0.90}

const (
	maxRefusal = 10 * time.Millisecond
	maxHealth  = 50 * time.Millisecond
)

func main() {
	var s settings
	var factors string
	flag.StringVar(&s.binary, "hotpath", "bin/hotpath", "the binary")
	flag.StringVar(&s.model, "model", "", "ONNX file (default: the network 100-128-64-1 with weights that are made up)")
	flag.StringVar(&s.extra, "flags", "", "more flags of hotpath serve")
	flag.IntVar(&s.rows, "rows", 1, "rows of a request")
	flag.IntVar(&s.size, "size", 16, "elements of unknown axes beyond the first")
	flag.IntVar(&s.peakConns, "peak-conns", 64, "connections of the closed loop")
	flag.IntVar(&s.conns, "conns", 1000, "most connections of the open loop")
	flag.StringVar(&factors, "factors", "2,10", "multiples of the peak to offer")
	flag.DurationVar(&s.deadline, "deadline", 300*time.Millisecond, "after which a client gives up")
	flag.DurationVar(&s.turn, "turn", 3*time.Second, "length of a turn")
	flag.IntVar(&s.rounds, "rounds", 3, "turns of each kind; the figures are their medians")
	flag.Parse()
	err := s.parse(factors)
	if err == nil {
		err = run(s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "overload:", err)
		os.Exit(1)
	}
}

func (s *settings) parse(factors string) error {
	for text := range strings.SplitSeq(factors, ",") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f <= 0 {
			return fmt.Errorf("-factors %q: expected positive numbers", factors)
		}
		s.factors = append(s.factors, f)
	}
	if s.rows < 1 || s.size < 1 || s.peakConns < 1 || s.conns < 1 || s.rounds < 1 || s.turn <= 0 || s.deadline <= 0 {
		return errors.New("expected positive -rows, -size, -conns, -peak-conns, -rounds, -turn and -deadline")
	}
	return nil
}

func run(s settings) error {
	b, err := newBench(s)
	if err != nil {
		return err
	}
	defer b.stop()
	if err := b.ready(); err != nil {
		return err
	}
	if _, err := b.peak(); err != nil { // which also tells the server how long runs take
		return err
	}
	var all []round
	before, err := b.peak()
	for i := 0; i < s.rounds && err == nil; i++ {
		for _, f := range s.factors {
			r := round{factor: f, before: before}
			if r.over, r.health, err = b.overload(f, before.rate()); err != nil {
				return err
			}
			if r.after, err = b.peak(); err != nil {
				return err
			}
			all, before = append(all, r), r.after
		}
	}
	if err != nil {
		return err
	}
	figures := map[string]any{"model": cmp.Or(s.model, "100-128-64-1"), "rows": s.rows, "deadline_ms": s.deadline.Milliseconds()}
	var broken []error
	for _, f := range s.factors {
		of := slices.DeleteFunc(slices.Clone(all), func(r round) bool { return r.factor != f })
		figure, err := report(f, of)
		figures[strconv.FormatFloat(f, 'g', -1, 64)+"x"] = figure
		broken = append(broken, err)
	}
	text, err := json.MarshalIndent(figures, "", "  ")
	if err != nil {
		return err
	}
	fmt.Println(string(text))
	return errors.Join(broken...)
}
