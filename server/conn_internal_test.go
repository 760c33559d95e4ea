package server

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// slowConn reaches its deadline as often as told before bytes pass, and counts how often one is set.
type slowConn struct {
	net.Conn
	late      int
	deadlines []time.Time
}

func (c *slowConn) SetReadDeadline(t time.Time) error {
	c.deadlines = append(c.deadlines, t)
	return nil
}

func (c *slowConn) SetWriteDeadline(t time.Time) error { return c.SetReadDeadline(t) }

func (c *slowConn) Read(p []byte) (int, error) {
	if c.late--; c.late >= 0 {
		return 0, os.ErrDeadlineExceeded
	}
	return len(p), nil
}

func (c *slowConn) Write(p []byte) (int, error) {
	if c.late--; c.late >= 0 {
		return 1, os.ErrDeadlineExceeded
	}
	return len(p), nil
}

// TestDeadlinesMove has deadlines that come later, earlier, and not at all, and operations that run into the one in force.
func TestDeadlinesMove(t *testing.T) {
	start := time.Now()
	in := func(d time.Duration) time.Time { return start.Add(d) }
	set := func(c *conn, below *slowConn, at time.Time, want int) {
		t.Helper()
		if err := c.SetReadDeadline(at); err != nil || len(below.deadlines) != want {
			t.Fatalf("%v, %d deadlines set, want %d", err, len(below.deadlines), want)
		}
	}
	below := &slowConn{}
	c := newConn(below)
	set(c, below, in(time.Hour), 1)
	set(c, below, in(2*time.Hour), 1)
	set(c, below, time.Time{}, 1)
	set(c, below, in(time.Minute), 2)
	set(c, below, in(3*time.Hour), 2)

	below.late = 1 // the minute is over, the hours are not
	if n, err := c.Read(make([]byte, 3)); n != 3 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	if d := below.deadlines; len(d) != 3 || !d[2].Equal(in(3*time.Hour)) {
		t.Errorf("the deadline in force is %v", d)
	}
	set(c, below, time.Time{}, 3)
	below.late = 1
	if n, err := c.Read(make([]byte, 3)); n != 3 || err != nil || !below.deadlines[3].IsZero() {
		t.Errorf("read %d, %v without a deadline", n, err)
	}
	set(c, below, in(-time.Second), 5)
	below.late = 1
	if n, err := c.Read(make([]byte, 3)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d, %v after the deadline", n, err)
	}

	below = &slowConn{late: 2}
	c = newConn(below)
	if err := errors.Join(c.SetDeadline(in(time.Hour)), c.SetDeadline(in(2*time.Hour))); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Write([]byte("abcd")); n != 4 || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	_ = c.SetWriteDeadline(in(-time.Second))
	below.late = 1
	if n, err := c.Write([]byte("abcd")); n != 1 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("wrote %d, %v after the deadline", n, err)
	}
}
