package load

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
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
	Duration time.Duration
	// Deadline is when the client of an open loop has given up, from when its request was due: an answer that comes later
	// is late, and a request that finds no connection for half of that time is not sent. 0: never.
	Deadline time.Duration
	Request  []byte // as bytes on the wire
}

// Report is what Offer saw.
type Report struct {
	Good    Histogram // latency of answers with status 200
	Refused Histogram // of 429 and 503
	Late    Histogram // of 504, and of answers beyond the deadline
	Unsent  int64     // for want of a connection
	Failed  int64     // any other answer, and broken connections
	Elapsed time.Duration
	First   error // the first failure
}

func (r *Report) merge(o *Report) {
	r.Good.Merge(&o.Good)
	r.Refused.Merge(&o.Refused)
	r.Late.Merge(&o.Late)
	r.Unsent += o.Unsent
	r.Failed += o.Failed
	if r.First == nil {
		r.First = o.First
	}
}

// readTimeout bounds the wait for one answer.
const readTimeout = time.Minute

// Offer sends a request over and over. It returns an error only where no connection can be made at all.
func Offer(ctx context.Context, o Options) (*Report, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Duration)
	defer cancel()
	first, err := o.dial()
	if err != nil {
		return nil, err
	}
	first.Close()
	start := time.Now()
	var next atomic.Int64
	due := func() time.Time {
		if o.Rate == 0 {
			return time.Now()
		}
		return start.Add(time.Duration(float64(next.Add(1)-1) / o.Rate * float64(time.Second)))
	}
	reports := make([]Report, o.Conns)
	var wg sync.WaitGroup
	for i := range o.Conns {
		wg.Go(func() { o.client(ctx, start.Add(o.Duration), due, &reports[i]) })
	}
	wg.Wait()
	total := &reports[0]
	for i := 1; i < o.Conns; i++ {
		total.merge(&reports[i])
	}
	total.Elapsed = time.Since(start)
	return total, nil
}

func (o *Options) dial() (net.Conn, error) {
	if o.TLS != nil {
		return tls.Dial("tcp", o.Address, o.TLS)
	}
	return net.Dial("tcp", o.Address)
}

// client sends requests until the end, over one connection as long as it lasts.
func (o *Options) client(ctx context.Context, end time.Time, due func() time.Time, r *Report) {
	var conn net.Conn
	var answers *bufio.Reader
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	for {
		at := due()
		if !at.Before(end) || ctx.Err() != nil {
			return
		}
		d := time.Until(at)
		if o.Rate > 0 && o.Deadline > 0 && d < -o.Deadline/2 {
			r.Unsent++
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
			status, closes, err = o.ask(conn, answers)
		}
		switch took := time.Since(at); {
		case err != nil:
			r.fail(err)
		case status == 200 && (o.Deadline == 0 || took <= o.Deadline):
			r.Good.Add(took)
		case status == 429 || status == 503:
			r.Refused.Add(took)
		case status == 504 || status == 200:
			r.Late.Add(took)
		default:
			r.fail(fmt.Errorf("status %d", status))
		}
		if closes && conn != nil {
			conn.Close()
			conn = nil
		}
	}
}

func (r *Report) fail(err error) {
	r.Failed++
	if r.First == nil {
		r.First = err
	}
}

func (o *Options) ask(conn net.Conn, answers *bufio.Reader) (status int, closes bool, err error) {
	if err := conn.SetDeadline(time.Now().Add(readTimeout)); err != nil {
		return 0, true, err
	}
	if _, err := conn.Write(o.Request); err != nil {
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
