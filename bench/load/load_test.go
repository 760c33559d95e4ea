package load

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// TestHistogram finds quantiles to 3 % over nine decades.
func TestHistogram(t *testing.T) {
	var a, b Histogram
	for i := range 1000 {
		a.Add(time.Duration(i + 1))
		b.Add(time.Duration(i+1) * time.Millisecond)
	}
	a.Merge(&b)
	for q, want := range map[float64]time.Duration{0.25: 500, 0.75: 500 * time.Millisecond, 1: time.Second} {
		if got := a.Quantile(q); float64(got) < 0.97*float64(want) || float64(got) > 1.04*float64(want) {
			t.Errorf("quantile %v: %v, want %v", q, got, want)
		}
	}
	if a.Min() != 1 || a.Count() != 2000 || (&Histogram{}).Quantile(0.5) != 0 {
		t.Errorf("min %v, count %d", a.Min(), a.Count())
	}
}

func served(t *testing.T, f http.HandlerFunc) string {
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.Listener.Addr().(*net.TCPAddr).String()
}

func offer(t *testing.T, o Options) (r *Report, sum int64) {
	t.Helper()
	r, err := Offer(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range r.Statuses {
		sum += n
	}
	if classes := r.Good.Count() + r.Refused.Count() + r.Late.Count() + r.Failed; classes != sum {
		t.Errorf("%d answers by class, %d by status", classes, sum)
	}
	return r, sum
}

// TestOffer sorts answers by status and accounts for every request that was due, however slow the machine.
func TestOffer(t *testing.T) {
	var asked atomic.Int64
	codes := []int{200, 429, 503, 504, 418}
	address := served(t, func(w http.ResponseWriter, r *http.Request) {
		code := codes[asked.Add(1)%5]
		if code == 503 {
			w.Header().Set("Connection", "close")
		}
		w.WriteHeader(code)
		fmt.Fprint(w, "answer")
	})
	r, sum := offer(t, Options{Address: address, Conns: 4, Rate: 200, Duration: 500 * time.Millisecond,
		Requests: [][]byte{Post(address, "/", []byte("{}"))}})
	n := asked.Load()
	if n != sum || n+r.Unsent != 100 {
		t.Errorf("%d requests came, %d were counted and %d not sent: 100 are due in half a second at 200/s", n, sum, r.Unsent)
	}
	for i, code := range codes {
		if want := (n + 4 - (int64(i)+4)%5) / 5; r.Statuses[code] != want {
			t.Errorf("%d answers with status %d, expected %d", r.Statuses[code], code, want)
		}
	}
	if r.Good.Count() != r.Statuses[200] || r.Refused.Count() != r.Statuses[429]+r.Statuses[503] || r.Late.Count() != r.Statuses[504] ||
		r.Failed != r.Statuses[418] || r.First == nil || r.First.Error() != "status 418" {
		t.Errorf("%d good, %d refused, %d late, %d failed (%v) of %v", r.Good.Count(), r.Refused.Count(), r.Late.Count(), r.Failed, r.First, r.Statuses)
	}
}

// TestOfferCountsFromDue: the wait for a connection is part of the latency. Whatever the machine does, the last request that is sent
// is answered near the end or after it, and was due in the first tenth of the time, for at most ten are answered.
func TestOfferCountsFromDue(t *testing.T) {
	address := served(t, func(http.ResponseWriter, *http.Request) { time.Sleep(50 * time.Millisecond) })
	r, sum := offer(t, Options{Address: address, Conns: 1, Rate: 100, Duration: 500 * time.Millisecond, Requests: [][]byte{Post(address, "/", nil)}})
	if r.Good.Quantile(1) < 300*time.Millisecond {
		t.Errorf("five times too many: longest %v, which hides the wait for the connection", r.Good.Quantile(1))
	}
	if sum > 10 || sum+r.Unsent != 50 {
		t.Errorf("%d answered and %d not sent of 50", sum, r.Unsent)
	}
}

// TestOfferWarmup: requests of the warm-up are sent and not counted.
func TestOfferWarmup(t *testing.T) {
	var asked atomic.Int64
	address := served(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	r, sum := offer(t, Options{Address: address, Conns: 2, Rate: 200, Warmup: 250 * time.Millisecond, Duration: 250 * time.Millisecond,
		Requests: [][]byte{Post(address, "/", nil)}})
	if n := asked.Load(); n <= sum || sum+r.Unsent != 50 {
		t.Errorf("%d requests came; %d counted and %d not sent of 50", n, sum, r.Unsent)
	}
}

// TestOfferTurns: several requests are sent in turn, and an answer that breaks off is none.
func TestOfferTurns(t *testing.T) {
	var paths [2]atomic.Int64
	address := served(t, func(w http.ResponseWriter, r *http.Request) {
		if paths[len(r.URL.Path)-1].Add(1); r.URL.Path == "/" {
			w.Header().Set("Content-Length", "5") // and less is written
		}
	})
	r, sum := offer(t, Options{Address: address, Conns: 3, Duration: time.Second,
		Requests: [][]byte{Post(address, "/", nil), Post(address, "/b", nil)}})
	whole, broken := paths[1].Load(), paths[0].Load()
	if d := whole - broken; d < -4 || d > 4 || broken == 0 {
		t.Errorf("%d and %d requests in turn", broken, whole)
	}
	if r.Statuses[200] != whole || r.Statuses[0] != broken || sum != whole+broken || r.Failed != broken || r.Unsent != 0 {
		t.Errorf("%v of %d whole and %d broken answers, %d failed, %d unsent", r.Statuses, whole, broken, r.Failed, r.Unsent)
	}
}

// TestDeadline: of one connection that is answered every 50 ms and asked every 10 ms, answers within the time are
// good, and what finds no connection for half of the time is not sent. An answer that is slower is late.
func TestDeadline(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		time.Sleep(50 * time.Millisecond)
	}))
	defer s.Close()
	address := s.Listener.Addr().(*net.TCPAddr).String()
	for deadline, good := range map[time.Duration]bool{time.Minute: true, 20 * time.Millisecond: false} {
		asked.Store(0)
		r, err := Offer(context.Background(), Options{Address: address, Conns: 1, Rate: 100, Duration: 200 * time.Millisecond,
			Deadline: deadline, Requests: [][]byte{Post(address, "/", nil)}})
		if err != nil {
			t.Fatal(err)
		}
		n := asked.Load()
		if r.Good.Count()+r.Late.Count() != n || (r.Good.Count() == n) != good || r.Failed > 0 {
			t.Errorf("%v: %d sent, %d good, %d late, %d failed", deadline, n, r.Good.Count(), r.Late.Count(), r.Failed)
		}
		if all := n + r.Unsent; !good && (r.Unsent == 0 || all > 20) {
			t.Errorf("%v: %d sent, %d unsent", deadline, n, r.Unsent)
		}
	}
}
