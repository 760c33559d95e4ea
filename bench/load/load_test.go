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
	n := asked.Load()
	if n < 50 || n > 100 { // fewer than 100 where the machine is busy with other tests
		t.Errorf("%d requests in half a second at 200/s", n)
	}
	if of := uint64(n / 5); uint64(r.Good.Count()) < of || uint64(r.Refused.Count()) < 2*of || uint64(r.Late.Count()) < of || uint64(r.Failed) < of || r.First.Error() != "status 418" {
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
