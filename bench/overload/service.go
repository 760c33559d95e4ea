package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hotpath/hotpath/bench/load"
	"github.com/hotpath/hotpath/bench/process"
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader"
	"github.com/hotpath/hotpath/loader/onnx"
)

// bench is a running server and what is asked of it.
type bench struct {
	settings
	dir     string
	server  *process.Server
	address string
	request []byte
}

// name of the model in the server.
const name = "m"

// newBench starts the binary on the model.
func newBench(s settings) (b *bench, err error) {
	b = &bench{settings: s}
	if b.dir, err = os.MkdirTemp("", "hotpath-overload-*"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			b.stop()
		}
	}()
	var data []byte
	if s.model == "" {
		data, err = mlp()
	} else {
		data, err = os.ReadFile(s.model)
	}
	if err != nil {
		return b, err
	}
	m, err := loader.Read(data)
	if err != nil {
		return b, err
	}
	body, headers, err := ask(m, s.rows, s.size)
	if err != nil {
		return b, err
	}
	at := filepath.Join(b.dir, "models", name, "1")
	if err = os.MkdirAll(at, 0o700); err != nil {
		return b, err
	}
	if err = os.WriteFile(filepath.Join(at, "model.onnx"), data, 0o600); err != nil {
		return b, err
	}
	args := []string{"serve", "--http", "127.0.0.1:0", "--store", filepath.Join(b.dir, "store"), "--models", filepath.Join(b.dir, "models"),
		"--drain-grace", "1ms", "--log-level", "error"}
	if b.server, err = process.Begin(exec.Command(s.binary, append(args, strings.Fields(s.extra)...)...)); err != nil {
		return b, err
	}
	b.address = b.server.Address()
	headers = append(headers, fmt.Sprintf("X-Request-Timeout: %dms", s.deadline.Milliseconds()))
	b.request = load.PostWith(b.address, "/v2/models/"+name+"/infer", headers, body)
	return b, nil
}

func (b *bench) stop() {
	if b.server != nil {
		b.server.Stop()
	}
	_ = os.RemoveAll(b.dir)
}

// ready waits for the model.
func (b *bench) ready() error {
	for range 600 {
		resp, err := http.Get("http://" + b.address + "/v2/models/" + name + "/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the model was not ready within a minute")
}

// mlp is the network 100-128-64-1 with made up weights.
func mlp() ([]byte, error) {
	m := &graph.Model{Opsets: map[string]int64{"": 17}, Graph: graph.Graph{
		Inputs:       []graph.Value{{Name: "input", DType: tensor.Float32, Shape: []int{-1, 100}}},
		Outputs:      []graph.Value{{Name: "output", DType: tensor.Float32, Shape: []int{-1, 1}}},
		Initializers: map[string]*tensor.Tensor{},
	}}
	rng, at := rand.New(rand.NewPCG(1, 1)), "input"
	widths := []int{100, 128, 64, 1}
	for i, k := range widths[:3] {
		n, out := widths[i+1], fmt.Sprint("h", i)
		if i == 2 {
			out = "output"
		}
		w := tensor.New(tensor.Float32, k, n)
		for j := range tensor.Data[float32](w) {
			tensor.Data[float32](w)[j] = rng.Float32() - 0.5
		}
		m.Graph.Initializers["w"+out] = w
		m.Graph.Nodes = append(m.Graph.Nodes, &graph.Node{Op: "MatMul", Inputs: []string{at, "w" + out}, Outputs: []string{out}})
		if at = out; i < 2 {
			at = out + "r"
			m.Graph.Nodes = append(m.Graph.Nodes, &graph.Node{Op: "Relu", Inputs: []string{out}, Outputs: []string{at}})
		}
	}
	return onnx.Write(m)
}

// ask is a request for the model: ones of its integers, halves of its floats.
func ask(m *graph.Model, rows, size int) (body []byte, headers []string, err error) {
	type parameters struct {
		Size int `json:"binary_data_size"`
	}
	type input struct {
		Name       string     `json:"name"`
		Datatype   string     `json:"datatype"`
		Shape      []int      `json:"shape"`
		Parameters parameters `json:"parameters"`
	}
	sig, err := m.Signature()
	if err != nil {
		return nil, nil, err
	}
	var inputs []input
	for _, in := range sig.Inputs {
		shape := append([]int{}, in.Shape...)
		for i, d := range shape {
			if d < 0 && i == 0 {
				shape[i] = rows
			} else if d < 0 {
				shape[i] = size
			}
		}
		t, kind := tensor.New(in.DType, shape...), ""
		switch in.DType {
		case tensor.Float32:
			kind = "FP32"
			for i := range tensor.Data[float32](t) {
				tensor.Data[float32](t)[i] = 0.5
			}
		case tensor.Int64:
			kind = "INT64"
			for i := range tensor.Data[int64](t) {
				tensor.Data[int64](t)[i] = 1
			}
		default:
			return nil, nil, fmt.Errorf("input %q is %s, expected float32 or int64", in.Name, in.DType)
		}
		inputs = append(inputs, input{in.Name, kind, shape, parameters{len(t.Bytes)}})
		body = append(body, t.Bytes...)
	}
	head, err := json.Marshal(map[string]any{"inputs": inputs, "parameters": map[string]any{"binary_data_output": true}})
	if err != nil {
		return nil, nil, err
	}
	headers = []string{"Content-Type: application/octet-stream", "Inference-Header-Content-Length: " + strconv.Itoa(len(head))}
	return append(head, body...), headers, nil
}

// peak is what the server does for a closed loop.
func (b *bench) peak() (turn, error) {
	t, err := b.offer(load.Options{Conns: b.peakConns})
	if err == nil && t.Good.Count() == 0 {
		err = errors.New("no answer in time at peak")
	}
	return t, err
}

// overload is what it does where factor times a rate is asked of it, and the 99th percentile of health checks meanwhile.
func (b *bench) overload(factor, peak float64) (t turn, health time.Duration, err error) {
	rate := factor * peak
	conns := min(b.conns, int(rate*b.deadline.Seconds())+1)
	checks := make(chan *load.Report, 1)
	go func() {
		get := []byte("GET /healthz HTTP/1.1\r\nHost: " + b.address + "\r\n\r\n")
		r, _ := load.Offer(context.Background(), load.Options{Address: b.address, Conns: 1, Rate: 50, Duration: b.turn, Requests: [][]byte{get}})
		checks <- r
	}()
	t, err = b.offer(load.Options{Conns: conns, Rate: rate, Deadline: b.deadline})
	r := <-checks
	if err == nil && (r == nil || r.Good.Count() == 0) {
		err = errors.New("health checks were not answered")
	}
	if err != nil {
		return t, 0, err
	}
	return t, r.Good.Quantile(0.99), nil
}

// offer runs one turn.
func (b *bench) offer(o load.Options) (turn, error) {
	o.Address, o.Duration, o.Requests = b.address, b.turn, [][]byte{b.request}
	client, server, start := ownSeconds(), b.serverSeconds(), time.Now()
	r, err := load.Offer(context.Background(), o)
	if err == nil && r.Failed > 0 {
		err = fmt.Errorf("%d requests failed: %w", r.Failed, r.First)
	}
	if err != nil {
		return turn{}, err
	}
	took := time.Since(start).Seconds()
	return turn{r, (ownSeconds() - client) / took, (b.serverSeconds() - server) / took}, nil
}

// ownSeconds is the processor time of this process.
func ownSeconds() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// serverSeconds is that of the server (proc_pid_stat(5): fields 14 and 15, in hundredths of a second on Linux).
func (b *bench) serverSeconds() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.server.Cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ") // behind the name, which may hold spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100
}
