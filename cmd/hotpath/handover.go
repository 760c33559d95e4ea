package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/hotpath/hotpath/server"
)

// An upgrade in place: a process starts the binary that is at its own place now, with its listening sockets at the descriptors from
// firstFD on (their number is in LISTEN_FDS) and one end of a pair of sockets, whose number is in handoverEnv. Over that the two
// exchange lines of JSON: the old process says what it has (offer), the new one that it is ready to answer for all of it or why
// not (verdict), the old one that its turn is over (the word "go"). Until then only the old one accepts connections; from then on only the
// new one does. The queues of the sockets are the same, so that no connection is refused or reset in between.
const handoverEnv = "HOTPATH_HANDOVER_FD"

// offer is what the old process says.
type offer struct {
	Addresses []string `json:"addresses"` // that the sockets were opened for, in order
	Models    []string `json:"models"`    // that answer
}

// verdict is what the new process says.
type verdict struct {
	Ready bool   `json:"ready"`
	Error string `json:"error,omitempty"`
}

// maxTalk bounds what one side reads of the other.
const maxTalk = 1 << 20

// predecessor is the process whose place this one takes. nil is none.
type predecessor struct {
	conn  net.Conn
	in    *json.Decoder
	offer offer
}

// takeOver is the process that started this one to take its place, nil if it was started in another way.
func takeOver() (*predecessor, error) {
	text := os.Getenv(handoverEnv)
	os.Unsetenv(handoverEnv) // it is not for children
	if text == "" {
		return nil, nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil || fd < firstFD {
		return nil, fmt.Errorf("%s: expected a descriptor, found %q", handoverEnv, text)
	}
	f := os.NewFile(uintptr(fd), "the process before")
	defer f.Close() // the connection has a copy, which children do not get
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", handoverEnv, err)
	}
	p := &predecessor{conn: conn, in: json.NewDecoder(io.LimitReader(conn, maxTalk))}
	if err := p.in.Decode(&p.offer); err != nil {
		return nil, fmt.Errorf("what the process before hands over: %w", err)
	}
	return p, nil
}

func (p *predecessor) addresses() []string {
	if p == nil {
		return nil
	}
	return p.offer.Addresses
}

// replace says that s is ready, and returns when it is its turn. An error says that the process before goes on.
func (p *predecessor) replace(s *server.Server) error {
	if p == nil {
		return nil
	}
	models := s.Models()
	for _, name := range p.offer.Models {
		m, err := models.Lookup([]byte(name))
		if err != nil || m.Serving == nil && !slices.ContainsFunc(m.Versions, func(v server.VersionStatus) bool { return v.State == server.Listed }) {
			return fmt.Errorf("model %s, which the process before serves, cannot be served", name)
		}
	}
	if err := json.NewEncoder(p.conn).Encode(verdict{Ready: true}); err != nil {
		return fmt.Errorf("the process before: %w", err)
	}
	var word string
	err := p.in.Decode(&word)
	p.conn.Close()
	if err != nil && !errors.Is(err, io.EOF) { // where it is gone the sockets have only this process
		return fmt.Errorf("the process before: %w", err)
	}
	p.conn = nil
	return nil
}

// tell tells the process before why this one did not become ready.
func (p *predecessor) tell(err error) {
	if p == nil || p.conn == nil || err == nil {
		return
	}
	_ = p.conn.SetDeadline(time.Now().Add(time.Second))
	_ = json.NewEncoder(p.conn).Encode(verdict{Error: err.Error()})
	_ = p.conn.Close()
}

// ownPath is where the binary of this process is, and where a newer one will be: links stay what they are.
var ownPath = func() string {
	path, err := exec.LookPath(os.Args[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		path, _ = os.Executable()
	}
	return path
}()
