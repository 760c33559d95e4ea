package server

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// gone reports whether the peer of a connection has closed it or at least its half. Nothing is read: a request that was
// sent ahead stays where it is, and does not hide the end behind it. A connection that cannot tell counts as there.
func gone(conn net.Conn) bool {
	for {
		outer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = outer.NetConn()
	}
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	ended := false
	err = raw.Control(func(fd uintptr) {
		fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(fds[:], 0)
		ended = err == nil && n > 0
	})
	return err != nil || ended
}
