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

// TestOffer sorts answers by status, keeps the rate, and counts from when a request was due.
func TestOffer(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := []int{200, 429, 503, 504, 418}[asked.Add(1)%5]
		if code == 503 {
			w.Header().Set("Connection", "close")
		}
		w.WriteHeader(code)
		fmt.Fprint(w, "answer")
	}))
	defer s.Close()
	address := s.Listener.Addr().(*net.TCPAddr).String()
	r, err := Offer(context.Background(), Options{Address: address, Conns: 4, Rate: 200, Duration: 500 * time.Millisecond,
		Request: Post(address, "/", []byte("{}"))})
	if err != nil {
		t.Fatal(err)
	}
	if n := asked.Load(); n < 90 || n > 100 {
		t.Errorf("%d requests in half a second at 200/s", n)
	}
	if r.Good.Count() < 15 || r.Refused.Count() < 2*15 || r.Late.Count() < 15 || r.Failed < 15 || r.First.Error() != "status 418" {
		t.Errorf("%d good, %d refused, %d late, %d failed (%v)", r.Good.Count(), r.Refused.Count(), r.Late.Count(), r.Failed, r.First)
	}

	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(50 * time.Millisecond) }))
	defer slow.Close()
	address = slow.Listener.Addr().(*net.TCPAddr).String()
	r, err = Offer(context.Background(), Options{Address: address, Conns: 1, Rate: 100, Duration: 500 * time.Millisecond,
		Request: Post(address, "/", nil)})
	if err != nil || r.Good.Quantile(0.99) < 300*time.Millisecond {
		t.Errorf("five times too many: p99 %v (%v), which hides the wait for the connection", r.Good.Quantile(0.99), err)
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
			Deadline: deadline, Request: Post(address, "/", nil)})
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
