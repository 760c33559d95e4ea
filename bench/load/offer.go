package load

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// Options of Offer.
type Options struct {
	Address string // host:port
	TLS     *tls.Config
	Conns   int
	// Rate is the requests per second that become due, whether those before them are answered or not (an open loop); a
	// request that finds all connections in use is sent late, and its latency counts from when it was due. 0: every
	// connection sends the next request when it has the answer to the last (a closed loop).
	Rate     float64
	Warmup   time.Duration // requests of the time before Duration, which are not counted
	Duration time.Duration
	// Deadline is when the client of an open loop has given up, from when its request was due: an answer that comes later
	// is late, and a request that finds no connection for half of that time is not sent. 0: never.
	Deadline time.Duration
	Requests [][]byte // as bytes on the wire, sent in turn
}

// Report is what Offer saw.
type Report struct {
	Good     Histogram     // latency of answers with status 200
	Refused  Histogram     // of 429 and 503
	Late     Histogram     // of 504, and of answers beyond the deadline
	Failed   int64         // any other answer, and broken connections
	Statuses map[int]int64 // answers by status; 0: none came
	// Unsent is how many requests of an open loop were due but found no connection in half the deadline, or
	// until the end. Their latencies are
	// missing among the others, which would be longer with them.
	Unsent  int64
	Elapsed time.Duration // without the warm-up
	First   error         // the first failure
}

func (r *Report) merge(o *Report) {
	r.Good.Merge(&o.Good)
	r.Refused.Merge(&o.Refused)
	r.Late.Merge(&o.Late)
	r.Failed += o.Failed
	for status, n := range o.Statuses {
		r.Statuses[status] += n
	}
	if r.First == nil {
		r.First = o.First
	}
}

// add counts an answer, or that none came.
func (r *Report) add(status int, took, deadline time.Duration, err error) {
	if err != nil {
		status = 0
	}
	r.Statuses[status]++
	switch {
	case status == 504 || status == 200 && deadline > 0 && took > deadline:
		r.Late.Add(took)
	case status == 200:
		r.Good.Add(took)
	case status == 429 || status == 503:
		r.Refused.Add(took)
	default:
		if err == nil {
			err = fmt.Errorf("status %d", status)
		}
		r.Failed++
		if r.First == nil {
			r.First = err
		}
	}
}

// readTimeout bounds the wait for one answer.
const readTimeout = time.Minute

// schedule says when requests are due.
type schedule struct {
	rate              float64
	start, begin, end time.Time // of the warm-up, of what is counted
	next              atomic.Int64
}

// at is when request i of an open loop is due.
func (s *schedule) at(i int64) time.Time {
	return s.start.Add(time.Duration(float64(i) / s.rate * float64(time.Second)))
}

// take is the number of the next request, and when it is due.
func (s *schedule) take() (int64, time.Time) {
	i := s.next.Add(1) - 1
	if s.rate == 0 {
		return i, time.Now()
	}
	return i, s.at(i)
}

// due is how many requests of an open loop become due in what is counted.
func (s *schedule) due() int64 {
	before := func(t time.Time) int {
		most := int(t.Sub(s.start).Seconds()*s.rate) + 2
		return sort.Search(most, func(i int) bool { return !s.at(int64(i)).Before(t) })
	}
	return int64(before(s.end) - before(s.begin))
}

// Offer sends requests over and over. It returns an error only where no connection can be made at all.
func Offer(ctx context.Context, o Options) (*Report, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Warmup+o.Duration)
	defer cancel()
	first, err := o.dial()
	if err != nil {
		return nil, err
	}
	first.Close()
	s := &schedule{rate: o.Rate, start: time.Now()}
	s.begin = s.start.Add(o.Warmup)
	s.end = s.begin.Add(o.Duration)
	reports := make([]Report, o.Conns)
	var wg sync.WaitGroup
	for i := range o.Conns {
		reports[i].Statuses = map[int]int64{}
		wg.Go(func() { o.client(ctx, s, &reports[i]) })
	}
	wg.Wait()
	total := &reports[0]
	for i := 1; i < o.Conns; i++ {
		total.merge(&reports[i])
	}
	total.Elapsed = time.Since(s.begin)
	if o.Rate > 0 {
		total.Unsent = s.due()
		for _, n := range total.Statuses {
			total.Unsent -= n
		}
	}
	return total, nil
}

func (o *Options) dial() (net.Conn, error) {
	if o.TLS != nil {
		return tls.Dial("tcp", o.Address, o.TLS)
	}
	return net.Dial("tcp", o.Address)
}

// client sends requests until the end, over one connection as long as it lasts.
func (o *Options) client(ctx context.Context, s *schedule, r *Report) {
	var conn net.Conn
	var answers *bufio.Reader
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	for {
		i, at := s.take()
		if !at.Before(s.end) || ctx.Err() != nil {
			return
		}
		d := time.Until(at)
		if o.Rate > 0 && o.Deadline > 0 && d < -o.Deadline/2 {
			continue
		}
		if d > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(d):
			}
		}
		status, closes := 0, true
		var err error
		if conn == nil {
			if conn, err = o.dial(); err == nil {
				answers = bufio.NewReader(conn)
			}
		}
		if err == nil {
			status, closes, err = o.ask(conn, answers, o.Requests[int(i%int64(len(o.Requests)))])
		}
		if !at.Before(s.begin) {
			r.add(status, time.Since(at), o.Deadline, err)
		}
		if closes && conn != nil {
			conn.Close()
			conn = nil
		}
	}
}

func (o *Options) ask(conn net.Conn, answers *bufio.Reader, request []byte) (status int, closes bool, err error) {
	if err := conn.SetDeadline(time.Now().Add(readTimeout)); err != nil {
		return 0, true, err
	}
	if _, err := conn.Write(request); err != nil {
		return 0, true, err
	}
	a, err := readHead(answers)
	if err == nil {
		_, err = answers.Discard(a.length)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return a.status, a.closes || err != nil, err
}
