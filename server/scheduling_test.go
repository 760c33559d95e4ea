package server_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/servertest"
)

// held is a model of independent rows, of any width, that answers the sum of a row and can be made to wait in a run.
type held struct {
	servertest.Runner
	hold chan struct{} // a run takes one value while holding
	on   atomic.Bool
	mu   sync.Mutex
	runs [][]float32 // the first column of each
}

func newHeld() *held {
	m := &held{hold: make(chan struct{})}
	m.Sig = graph.Signature{
		Inputs:         []graph.Input{{Name: "input", DType: tensor.Float32, Shape: []int{-1, -1}}},
		Outputs:        []graph.Output{{Name: "output", DType: tensor.Float32, Shape: []int{-1, 1}}},
		RowIndependent: true,
	}
	m.Func = m.run
	return m
}

// run fails on a row that begins with 404 and panics on one that begins with 500.
func (m *held) run(in, out []*tensor.Tensor) error {
	rows, width := in[0].Shape[0], in[0].Shape[1]
	x := tensor.Data[float32](in[0])
	var firsts []float32
	for r := range rows {
		firsts = append(firsts, x[r*width])
	}
	m.mu.Lock()
	m.runs = append(m.runs, firsts)
	m.mu.Unlock()
	if m.on.Load() {
		<-m.hold
	}
	out[0].Resize(rows, 1)
	y := tensor.Data[float32](out[0])
	for r := range rows {
		switch x[r*width] {
		case 404:
			return fmt.Errorf("row %d: %w", r, graph.ErrInput)
		case 500:
			panic("500")
		}
		y[r] = 0
		for _, v := range x[r*width : (r+1)*width] {
			y[r] += v
		}
	}
	return nil
}

// seen is what ran.
func (m *held) seen() [][]float32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([][]float32{}, m.runs...)
}

// answer is the status and body of a request that goes on in the background.
type answer struct {
	code int
	body string
	took time.Duration
}

// one is a server that runs one request at a time, which a first request keeps busy, and a way to send more of them,
// each of which waits when the next is sent.
type one struct {
	*held
	t      *testing.T
	s      *server.Server
	first  chan answer
	queued int
}

func startBusy(t *testing.T, change func(*server.Config)) *one { return startBusyAs(t, "", change) }

// startBusyAs is startBusy with an API key for the first request.
func startBusyAs(t *testing.T, key string, change func(*server.Config)) *one {
	o := &one{held: newHeld(), t: t}
	o.s = start(t, func(c *server.Config) {
		c.MaxConcurrency = 1
		c.Load = func([]byte) (server.Runner, error) { return o.held, nil }
		if change != nil {
			change(c)
		}
	})
	o.on.Store(true)
	o.first = o.send(`{"input_data": [[1, 2, 3]]}`, "X-API-Key", key)
	eventually(t, "the model is busy", func() bool { return len(o.seen()) == 1 })
	return o
}

func (o *one) send(body string, header ...string) chan answer {
	ch := make(chan answer, 1)
	go func() {
		started := time.Now()
		code, text, _ := call(o.t, "POST", o.s.URL()+"/predict", body, header...)
		ch <- answer{code, text, time.Since(started)}
	}()
	return ch
}

// wait sends a request and returns once it waits in the queue.
func (o *one) wait(body string, header ...string) chan answer {
	ch := o.send(body, header...)
	o.queued++
	o.queue(o.queued)
	return ch
}

// queue waits until n requests wait.
func (o *one) queue(n int) {
	eventually(o.t, fmt.Sprint(n, " requests wait"), func() bool {
		text, err := o.s.Metrics()
		return err == nil && strings.Contains(string(text), fmt.Sprintf("hotpath_queue_depth{model=\"m\",version=\"1\"} %d\n", n))
	})
}

// release lets everything run.
func (o *one) release() {
	o.on.Store(false)
	close(o.hold)
}

// want compares an answer with the sum it should have.
func (o *one) want(ch chan answer, sum float64) {
	o.t.Helper()
	if a, want := <-ch, fmt.Sprintf("{\"prediction\": [%v]}\n", sum); a.code != 200 || a.body != want {
		o.t.Errorf("%d %q, want %q", a.code, a.body, want)
	}
}

// TestBatchIsWhatWaits: what waits while the model is busy is computed together, rows of one width only, up to the most.
func TestBatchIsWhatWaits(t *testing.T) {
	o := startBusy(t, func(c *server.Config) { c.Scheduling.BatchMax = 4 })
	var answers []chan answer
	for i := range 5 {
		answers = append(answers, o.wait(fmt.Sprintf(`{"input_data": [[%d, 2, 3]]}`, 10+i)))
	}
	ragged := []chan answer{o.wait(`{"input_data": [[20, 1], [21, 1]]}`), o.wait(`{"input_data": [[22, 1]]}`)}
	o.release()
	o.want(o.first, 6)
	for i, ch := range answers {
		o.want(ch, float64(15+i))
	}
	o.want(ragged[1], 23)
	if a := <-ragged[0]; a.body != "{\"prediction\": [21,22]}\n" {
		t.Errorf("%+v", a)
	}
	if got, want := fmt.Sprint(o.seen()), "[[1] [10 11 12 13] [14] [20 21 22]]"; got != want {
		t.Errorf("ran %s, want %s", got, want)
	}
}

// TestBatchSizes cuts a batch at the sizes that are asked for, by default at powers of two and the halves between.
func TestBatchSizes(t *testing.T) {
	for _, tc := range []struct {
		sizes []int
		want  string
	}{{nil, "[1 6 1]"}, {[]int{5, 2}, "[1 5 2]"}, {[]int{64}, "[1 7]"}} {
		o := startBusy(t, func(c *server.Config) { c.Scheduling.BatchSizes = tc.sizes })
		var answers []chan answer
		for range 7 {
			answers = append(answers, o.wait(goodBody))
		}
		o.release()
		for _, ch := range answers {
			o.want(ch, 6)
		}
		var rows []int
		for _, r := range o.seen() {
			rows = append(rows, len(r))
		}
		if fmt.Sprint(rows) != tc.want {
			t.Errorf("sizes %v: ran %v rows, want %s", tc.sizes, rows, tc.want)
		}
	}
}

// TestNoBatchWithoutProof: rows that may depend on each other are never put together.
func TestNoBatchWithoutProof(t *testing.T) {
	o := startBusy(t, func(c *server.Config) {
		load := c.Load
		c.Load = func(data []byte) (server.Runner, error) {
			r, err := load(data)
			r.(*held).Sig.RowIndependent = false
			return r, err
		}
	})
	a, b := o.wait(goodBody), o.wait(goodBody)
	o.release()
	o.want(a, 6)
	o.want(b, 6)
	if got := fmt.Sprint(o.seen()); got != "[[1] [1] [1]]" {
		t.Errorf("ran %s", got)
	}
}

// TestNeighboursOfAFailure: one request of a batch that fails, or panics, does not touch the others.
func TestNeighboursOfAFailure(t *testing.T) {
	for first, status := range map[int]int{404: 400, 500: 500} {
		o := startBusy(t, nil)
		good := o.wait(goodBody)
		bad := o.wait(fmt.Sprintf(`{"input_data": [[%d, 2, 3]]}`, first))
		after := o.wait(goodBody)
		o.release()
		o.want(good, 6)
		o.want(after, 6)
		if a := <-bad; a.code != status {
			t.Errorf("%d: %+v", first, a)
		}
		if runs := o.seen(); len(runs) != 5 || len(runs[1]) != 3 {
			t.Errorf("ran %v", runs)
		}
		alive(t, o.s)
	}
}

// TestIdleModelRunsAtOnce: a delay for batches holds nothing back that finds the model idle.
func TestIdleModelRunsAtOnce(t *testing.T) {
	m := newHeld()
	s := start(t, func(c *server.Config) {
		c.Scheduling.BatchDelay = time.Hour
		c.Load = func([]byte) (server.Runner, error) { return m, nil }
	})
	for range 3 {
		alive(t, s)
	}
}

// TestBatchDelay holds back what waits when the model becomes free until as many rows as a batch has are there, or until
// the delay of the first of them is over.
func TestBatchDelay(t *testing.T) {
	full := startBusy(t, func(c *server.Config) { c.Scheduling.BatchDelay, c.Scheduling.BatchMax = time.Hour, 3 })
	a := full.wait(goodBody)
	full.release()
	full.want(full.first, 6)
	b, c := full.send(goodBody), full.send(goodBody) // the last of which a batch is full with
	for _, ch := range []chan answer{a, b, c} {
		full.want(ch, 6)
	}
	if got := fmt.Sprint(full.seen()); got != "[[1] [1 1 1]]" {
		t.Errorf("ran %s", got)
	}

	const delay = 2 * time.Second
	over := startBusy(t, func(c *server.Config) { c.Scheduling.BatchDelay, c.Scheduling.BatchMax = delay, 3 })
	a, b = over.wait(goodBody), over.wait(goodBody)
	third := over.wait(`{"input_data": [[7, 1, 1], [8, 1, 1]]}`) // too many for one batch with both
	over.release()
	over.want(over.first, 6)
	over.want(a, 6)
	over.want(b, 6)
	if got := <-third; got.body != "{\"prediction\": [9,10]}\n" || got.took < delay {
		t.Errorf("%+v", got)
	}
	if got := fmt.Sprint(over.seen()); got != "[[1] [1 1] [7 8]]" {
		t.Errorf("ran %s", got)
	}
}

// TestPriority: what waits runs by its urgency, and in order of arrival where that is the same.
func TestPriority(t *testing.T) {
	o := startBusy(t, func(c *server.Config) { c.Scheduling.BatchMax = 1 })
	var all []chan answer
	for i, header := range []string{"u=7", "", "u=0, i", "i, u=1", "u=3", "u=9", "nonsense"} {
		all = append(all, o.wait(fmt.Sprintf(`{"input_data": [[%d]]}`, 10+i), "Priority", header))
	}
	o.release()
	for i, ch := range all {
		o.want(ch, float64(10+i))
	}
	if got, want := fmt.Sprint(o.seen()), "[[1] [12] [13] [11] [14] [15] [16] [10]]"; got != want {
		t.Errorf("ran %s, want %s", got, want)
	}
}

// TestFullQueueMakesRoom: a more urgent request takes the place of the latest of the least urgent ones.
func TestFullQueueMakesRoom(t *testing.T) {
	o := startBusy(t, func(c *server.Config) { c.Scheduling.Queue = 2 })
	stays := o.wait(goodBody)
	goes := o.wait(goodBody)
	if a := <-o.send(goodBody); a.code != 429 || !strings.Contains(a.body, "queue is full: 2") {
		t.Errorf("over the limit: %+v", a)
	}
	urgent := o.send(goodBody, "Priority", "u=1")
	if a := <-goes; a.code != 429 {
		t.Errorf("the latest: %+v", a)
	}
	o.release()
	o.want(stays, 6)
	o.want(urgent, 6)
}

// TestDeadline: a request is answered in its time or not at all, and what was given up is not computed.
func TestDeadline(t *testing.T) {
	o := startBusy(t, func(c *server.Config) { c.Scheduling.BatchMax = 1 })
	for header, body := range map[string]string{"50ms": goodBody, "0.05": `{"input_data": [[9]]}`} {
		a := <-o.send(body, "X-Request-Timeout", header)
		if a.code != 504 || !strings.Contains(a.body, "50ms") {
			t.Errorf("%s: %+v", header, a)
		}
	}
	if a := <-o.send(goodBody, "X-Request-Timeout", "0.0004"); a.code != 504 || !strings.Contains(a.body, "400µs") {
		t.Errorf("%+v", a)
	}
	for _, bad := range []string{"soon", "-1", "0", "NaN", "1e300", "-5ms", "99999999h"} {
		if a := <-o.send(goodBody, "X-Request-Timeout", bad); a.code != 400 || !strings.Contains(a.body, "X-Request-Timeout") {
			t.Errorf("%q: %+v", bad, a)
		}
	}
	o.queue(0)
	o.release()
	o.want(o.first, 6)
	if n := len(o.seen()); n != 1 {
		t.Errorf("%d runs, want that of the first alone", n)
	}
}

// TestLateAnswer is not given.
func TestLateAnswer(t *testing.T) {
	s := start(t, func(c *server.Config) { c.Sources = servertest.Source("m", []byte("slow 3 1200ms")) })
	if code, body, h := call(t, "POST", s.URL()+"/predict", goodBody, "X-Request-Timeout", "600ms"); code != 504 || h.Get("Retry-After") == "" {
		t.Errorf("%d %s", code, body)
	}
	text, err := s.Metrics()
	if err != nil || !strings.Contains(string(text), `hotpath_request_errors_total{class="deadline",model="m",version="1"} 1`) {
		t.Errorf("not counted as such: %v", err)
	}
	alive(t, s)
}

// TestHT07ClientGoneTLS is the same for a connection with TLS.
func TestHT07ClientGoneTLS(t *testing.T) {
	m := newHeld()
	m.on.Store(true)
	s := start(t, func(c *server.Config) {
		c.MaxConcurrency, c.TLS = 1, server.TLS{SelfSignedDir: t.TempDir()}
		c.Load = func([]byte) (server.Runner, error) { return m, nil }
	})
	dial := func() net.Conn {
		c, err := tls.Dial("tcp", strings.TrimPrefix(s.URL(), "https://"), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, sized(goodBody)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := dial()
	defer first.Close()
	eventually(t, "the model is busy", func() bool { return len(m.seen()) == 1 })
	second := dial()
	eventually(t, "one waits", func() bool { return s.Waiting() == 1 })
	second.Close()
	eventually(t, "it was dropped", func() bool { return s.Waiting() == 0 })
	close(m.hold)
}

// TestHT07ClientGone: what waits for a client that closed its connection is dropped, with requests sent ahead too; so is
// a call whose context ends.
func TestHT07ClientGone(t *testing.T) {
	o := startBusy(t, nil)
	address := strings.TrimPrefix(o.s.URL(), "http://")
	leave := func(c net.Conn, err error, request string) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		o.queue(1)
		c.Close()
		o.queue(0)
	}
	for _, request := range []string{sized(goodBody), sized(goodBody) + sized(goodBody)} {
		c, err := net.Dial("tcp", address)
		leave(c, err, request)
	}
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := infer(ctx, o.s, nil)
		failed <- err
	}()
	o.queue(1)
	cancel()
	if err := <-failed; !errors.Is(err, server.ErrGone) {
		t.Error(err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := infer(ctx, o.s, nil); !errors.Is(err, server.ErrDeadline) {
		t.Error(err)
	}
	o.queue(0)
	o.release()
	o.want(o.first, 6)
	if n := len(o.seen()); n != 1 {
		t.Errorf("%d runs, want that of the first alone", n)
	}
}

// TestDoomedRequestsAreRefusedAtOnce: what could only wait until its deadline is told so before it waits.
func TestDoomedRequestsAreRefusedAtOnce(t *testing.T) {
	o := &one{held: newHeld(), t: t}
	sum := o.Func
	o.Func = func(in, out []*tensor.Tensor) error {
		time.Sleep(300 * time.Millisecond)
		return sum(in, out)
	}
	o.s = start(t, func(c *server.Config) {
		c.MaxConcurrency, c.Scheduling.BatchMax = 1, 1
		c.Load = func([]byte) (server.Runner, error) { return o.held, nil }
	})
	alive(t, o.s) // which tells how long a run takes
	o.on.Store(true)
	first := o.send(goodBody)
	eventually(t, "the model is busy", func() bool { return len(o.seen()) == 2 })
	var answers []chan answer
	for range 12 {
		answers = append(answers, o.send(goodBody, "X-Request-Timeout", "2s"))
	}
	codes := map[int]int{}
	for _, ch := range answers {
		codes[(<-ch).code]++
	}
	if codes[504] < 1 || codes[429] < 6 || codes[504]+codes[429] != 12 {
		t.Errorf("%v; want the first few to wait in vain and the rest to be refused", codes)
	}
	o.release()
	o.want(first, 6)
}

// TestMemoryOfWaitingRequests: values of requests are admitted within their memory, and larger ones never are.
func TestMemoryOfWaitingRequests(t *testing.T) {
	o := startBusy(t, func(c *server.Config) { c.MaxRunMemory, c.Scheduling.BatchMax = 64<<10, 1 })
	row := "[" + strings.TrimSuffix(strings.Repeat("1,", 10000), ",") + "]" // 40 kB
	big := o.wait(`{"input_data": [` + row + `]}`)
	if a := <-o.send(`{"input_data": [` + row + `]}`); a.code != 429 || !strings.Contains(a.body, "65536 bytes") {
		t.Errorf("over the memory: %+v", a)
	}
	if a := <-o.send(`{"input_data": [` + row + "," + row + `]}`); a.code != 413 {
		t.Errorf("larger than all of it: %+v", a)
	}
	o.release()
	o.want(big, 10000)
	if text, _ := o.s.Metrics(); !strings.Contains(string(text), "hotpath_run_bytes 0\n") {
		t.Error("memory was not given back")
	}
}

// TestF6Goodput offers a model far more than it can do, at a constant rate: it goes on to answer, and refuses the rest. How much it
// answers, bench/overload tells.
func TestF6Goodput(t *testing.T) {
	const cost, seconds = 10 * time.Millisecond, 1.0
	s := start(t, func(c *server.Config) {
		c.Sources = servertest.Source("m", []byte("slow 3 10ms"))
		c.MaxConcurrency, c.Scheduling.Queue, c.Scheduling.Timeout = 1, 8, 300*time.Millisecond
	})
	for _, factor := range []int{2, 10} {
		good := offer(t, strings.TrimPrefix(s.URL(), "http://"), cost, seconds, factor)
		t.Logf("%d×: %d answered", factor, good)
		if good == 0 {
			t.Errorf("%d× the load: none was answered", factor)
		}
	}
}

// offer sends factor requests per cost over connections of their own, whether they are answered or not, and counts those
// answered 200.
func offer(t *testing.T, address string, cost time.Duration, seconds float64, factor int) int64 {
	const conns = 64
	var good atomic.Int64
	jobs := make(chan struct{}, 1<<16)
	var clients sync.WaitGroup
	for range conns {
		clients.Go(func() {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			r := bufio.NewReader(c)
			for range jobs {
				if _, err := io.WriteString(c, sized(goodBody)); err != nil {
					t.Error(err)
					return
				}
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				switch resp.StatusCode {
				case 200:
					good.Add(1)
				case 429, 504:
				default:
					t.Error(resp.Status)
				}
			}
		})
	}
	interval := cost / time.Duration(factor)
	began := time.Now()
	for n := 0; time.Since(began).Seconds() < seconds; n++ {
		if d := time.Until(began.Add(time.Duration(n) * interval)); d > 0 {
			time.Sleep(d)
		}
		jobs <- struct{}{}
	}
	close(jobs)
	clients.Wait()
	return good.Load()
}
