package server

import (
	"errors"
	"math"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// listenPatient is a listener with connections whose deadlines cost little to move.
type listenPatient struct{ net.Listener }

// Accept implements net.Listener.
func (l listenPatient) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newConn(c), nil
}

// conn is a connection that moves a deadline in the runtime only where it comes earlier. A request sets three, nearly
// always later than the one in force: that one is left to pass, which happens once in many requests, and then the wait goes
// on until the one that is wanted. It takes 0.5 µs off each request.
type conn struct {
	net.Conn
	read, write deadline
}

func newConn(c net.Conn) *conn {
	return &conn{Conn: c, read: deadline{set: c.SetReadDeadline}, write: deadline{set: c.SetWriteDeadline}}
}

// NetConn is the connection below, as of a tls.Conn.
func (c *conn) NetConn() net.Conn { return c.Conn }

// deadline is when an operation of a connection must end. Both moments are never for none.
type deadline struct {
	wanted, armed atomic.Int64
	set           func(time.Time) error
}

const never = math.MaxInt64

// move sets the deadline.
func (d *deadline) move(t time.Time) error {
	m := int64(never)
	if !t.IsZero() {
		m = int64(at(t))
	}
	d.wanted.Store(m)
	if armed := d.armed.Load(); armed != 0 && m >= armed { // 0: the first one
		return nil
	}
	return d.arm(m)
}

func (d *deadline) arm(m int64) error {
	d.armed.Store(m)
	if m == never {
		return d.set(time.Time{})
	}
	return d.set(began.Add(time.Duration(m)))
}

// goesOn reports whether an operation that ended with err ran into a deadline that is no longer the one wanted, which is
// then in force.
func (d *deadline) goesOn(err error) bool {
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	for {
		m := d.wanted.Load()
		if m <= int64(now()) {
			return false
		}
		if d.arm(m) != nil {
			return false
		}
		if d.wanted.Load() == m { // else it was moved meanwhile, perhaps to before what was armed
			return true
		}
	}
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if n > 0 || !c.read.goesOn(err) {
			return n, err
		}
	}
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (n int, err error) {
	for {
		k, err := c.Conn.Write(p[n:])
		if n += k; n == len(p) || !c.write.goesOn(err) {
			return n, err
		}
	}
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error { return errors.Join(c.read.move(t), c.write.move(t)) }

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.read.move(t) }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.write.move(t) }
