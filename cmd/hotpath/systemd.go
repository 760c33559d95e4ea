package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
)

// firstFD is where systemd's sockets begin (sd_listen_fds(3)).
const firstFD = 3

// activated is the sockets that systemd opened for this process, so that connections wait in their queues while it starts or is
// replaced.
type activated []net.Listener

// socketsOf takes over the sockets that the environment tells of, and forgets the variables, which are not for children.
func socketsOf() (activated, error) {
	pid, count := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	if count == "" || pid != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("LISTEN_FDS: expected a number of sockets, found %q", count)
	}
	var list activated
	for fd := firstFD; fd < firstFD+n; fd++ {
		f := os.NewFile(uintptr(fd), "socket "+strconv.Itoa(fd))
		ln, err := net.FileListener(f)
		f.Close() // the listener has a copy of its own, which children do not get
		if err != nil {
			return nil, fmt.Errorf("LISTEN_FDS: descriptor %d is no listening socket: %w", fd, err)
		}
		list = append(list, ln)
	}
	return list, nil
}

// listen is the socket that is there for an address, or a new one.
func (a activated) listen(address string) (net.Listener, error) {
	want, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	for _, ln := range a {
		have, ok := ln.Addr().(*net.TCPAddr)
		if !ok || have.Port != want.Port {
			continue
		}
		if have.IP.Equal(want.IP) || unspecified(have.IP) && unspecified(want.IP) {
			return ln, nil
		}
	}
	return net.Listen("tcp", address)
}

func unspecified(ip net.IP) bool { return len(ip) == 0 || ip.IsUnspecified() }

// notify tells systemd of a state (sd_notify(3)): READY=1, STOPPING=1. Without systemd it does nothing.
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
