//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/hotpath/hotpath/server"
)

// upgradeSignal asks for an upgrade in place.
var upgradeSignal os.Signal = syscall.SIGUSR2

// upgrade starts the binary anew and hands the sockets over to it. Where it does not become ready this process goes on as before.
func (v *service) upgrade(ctx context.Context) {
	log := v.log.Logger
	if os.Getpid() == 1 {
		log.Error("no upgrade in place: this is process 1, whose end is that of the container")
		return
	}
	log.Info("upgrade in place", "binary", ownPath)
	tell(log, "RELOADING=1"+monotonic())
	next, err := v.startSuccessor()
	if err == nil {
		err = next.prepare(ctx, v.offer(), v.cmd.UpgradeTimeout)
	}
	if err != nil {
		log.Error("the upgrade failed, this process goes on", "error", err)
		tell(log, "READY=1")
		return
	}
	tell(log, "READY=1\nMAINPID="+strconv.Itoa(next.process.Pid))
	log.Info("handed over", "pid", next.process.Pid)
	v.over(server.ErrHandedOver)
}

// offer is what a successor must answer for.
func (v *service) offer() (o offer) {
	for _, s := range v.sockets.open {
		o.Addresses = append(o.Addresses, s.address)
	}
	for _, m := range v.server.Models().Models {
		if m.Serving != nil {
			o.Models = append(o.Models, m.Name)
		}
	}
	return o
}

// successor is the process that shall go on in the place of this one.
type successor struct {
	process *os.Process
	ended   chan string // gets how it ended
	conn    net.Conn
}

// startSuccessor starts the binary with the same arguments, environment and directory, the sockets, and a connection to this process.
func (v *service) startSuccessor() (*successor, error) {
	var pair [2]int
	fds := []uintptr{0, 1, 2}
	defer func() {
		for _, fd := range fds[firstFD:] {
			_ = syscall.Close(int(fd))
		}
	}()
	for _, s := range v.sockets.open {
		fd, err := duplicate(s.Listener)
		if err != nil {
			return nil, fmt.Errorf("socket of %s: %w", s.address, err)
		}
		fds = append(fds, uintptr(fd))
	}
	syscall.ForkLock.RLock()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(pair[0])
		syscall.CloseOnExec(pair[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, fmt.Errorf("socketpair: %w", err)
	}
	fds = append(fds, uintptr(pair[1]))
	own := os.NewFile(uintptr(pair[0]), "the next process")
	conn, err := net.FileConn(own)
	own.Close()
	if err != nil {
		return nil, err
	}
	env := append(os.Environ(), "LISTEN_FDS="+strconv.Itoa(len(v.sockets.open)), handoverEnv+"="+strconv.Itoa(len(fds)-1))
	// Not os.StartProcess: it would set the sockets to blocking, which this process shares with the next one.
	pid, _, err := syscall.StartProcess(ownPath, append([]string{os.Args[0]}, v.args...), &syscall.ProcAttr{Env: env, Files: fds})
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("start %s: %w", ownPath, err)
	}
	n := &successor{conn: conn, ended: make(chan string, 1)}
	if n.process, err = os.FindProcess(pid); err != nil {
		conn.Close()
		return nil, err
	}
	go func() {
		state, err := n.process.Wait()
		if err != nil {
			n.ended <- err.Error()
			return
		}
		n.ended <- state.String()
	}()
	return n, nil
}

// duplicate is a descriptor of the same socket that is closed when a program is started, but for those that get it.
func duplicate(ln net.Listener) (fd int, err error) {
	l, ok := ln.(*net.TCPListener)
	if !ok {
		return 0, fmt.Errorf("%T is no TCP socket", ln)
	}
	raw, err := l.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlled := raw.Control(func(own uintptr) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		if fd, err = syscall.Dup(int(own)); err == nil {
			syscall.CloseOnExec(fd)
		}
	})
	return fd, errors.Join(controlled, err)
}

// prepare returns when the next process is ready and has been told that its turn has come. With an error it has ended.
func (n *successor) prepare(ctx context.Context, o offer, timeout time.Duration) (err error) {
	defer n.conn.Close()
	var v verdict
	defer func() {
		if err != nil {
			_ = n.process.Kill()
			if how := <-n.ended; v.Error == "" {
				err = fmt.Errorf("%w (%s)", err, how)
			}
		}
	}()
	_ = n.conn.SetDeadline(time.Now().Add(timeout))
	stop := context.AfterFunc(ctx, func() { _ = n.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	err = json.NewEncoder(n.conn).Encode(o)
	if err == nil {
		err = json.NewDecoder(io.LimitReader(n.conn, maxTalk)).Decode(&v)
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("this process is asked to end")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the new process is not ready after %v", timeout)
	case v.Error != "":
		return fmt.Errorf("the new process: %s", v.Error)
	case err != nil || !v.Ready:
		return errors.New("the new process ended before it was ready, and has said why on standard error")
	}
	if err := json.NewEncoder(n.conn).Encode("go"); err != nil {
		return fmt.Errorf("the new process: %w", err)
	}
	return nil
}
