package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
)

// firstFD is where the sockets that a process inherits begin (sd_listen_fds(3)).
const firstFD = 3

// sockets are the listening sockets of this process: those that systemd opened for it, so that connections wait in their queues while
// it starts or is replaced; those that the process before it hands over; and those that it opens itself.
type sockets struct {
	inherited []*socket
	open      []*socket // that listen has handed out
}

// socket is one of them.
type socket struct {
	net.Listener
	address string // that it was opened for, "" if it is not known
}

// socketsOf takes over the sockets that the environment tells of, and forgets the variables, which are not for children.
func socketsOf(before *predecessor) (*sockets, error) {
	pid, count := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	s := &sockets{}
	if before == nil && (count == "" || pid != strconv.Itoa(os.Getpid())) {
		return s, nil
	}
	addresses := before.addresses()
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || before != nil && n != len(addresses) {
		return nil, fmt.Errorf("LISTEN_FDS: expected a number of sockets, found %q", count)
	}
	for i := range n {
		f := os.NewFile(uintptr(firstFD+i), "socket "+strconv.Itoa(i))
		ln, err := net.FileListener(f)
		f.Close() // the listener has a copy of its own, which children do not get
		if err != nil {
			return nil, fmt.Errorf("LISTEN_FDS: descriptor %d is no listening socket: %w", firstFD+i, err)
		}
		l := &socket{Listener: ln}
		if before != nil {
			l.address = addresses[i]
		}
		s.inherited = append(s.inherited, l)
	}
	return s, nil
}

// listen is the socket that is there for an address, or a new one.
func (s *sockets) listen(address string) (net.Listener, error) {
	want, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(s.inherited, func(l *socket) bool { return l.address == address })
	if at < 0 {
		at = slices.IndexFunc(s.inherited, func(l *socket) bool {
			have, ok := l.Addr().(*net.TCPAddr)
			return ok && have.Port == want.Port && (have.IP.Equal(want.IP) || unspecified(have.IP) && unspecified(want.IP))
		})
	}
	var l *socket
	if at >= 0 {
		l = s.inherited[at]
		l.address = address
		s.inherited = slices.Delete(s.inherited, at, at+1)
	} else {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			return nil, err
		}
		l = &socket{ln, address}
	}
	s.open = append(s.open, l)
	return l.Listener, nil
}

// closeUnused closes what was inherited and is at no address that is served.
func (s *sockets) closeUnused() {
	for _, l := range s.inherited {
		_ = l.Close()
	}
	s.inherited = nil
}

func unspecified(ip net.IP) bool { return len(ip) == 0 || ip.IsUnspecified() }

// notify tells systemd of a state (sd_notify(3)), such as READY=1. Without systemd it does nothing.
func notify(state string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"}) // Go reads a leading @ as abstract too
	if err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	return nil
}

// tell is notify where a failure is no reason to stop.
func tell(log *slog.Logger, state string) {
	if err := notify(state); err != nil {
		log.Warn("systemd was not told", "state", state, "error", err)
	}
}
