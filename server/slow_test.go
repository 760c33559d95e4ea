package server_test

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hotpath/hotpath/server"
)

// TestF9SlowClientsCostLittle holds many connections open that claim the largest body and send one byte of it, or half
// a head: memory stays small, others are answered, and all are cut at the timeout.
func TestF9SlowClientsCostLittle(t *testing.T) {
	const heads, bodies = 300, 300
	s := start(t, func(c *server.Config) { c.HeaderTimeout, c.BodyTimeout = 1500*time.Millisecond, 1500*time.Millisecond })
	before := residentMiB(t)
	var conns []net.Conn
	for i := range heads + bodies {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
		request := "POST /predict HTTP/1.1\r\nHost: loc"
		if i >= heads {
			request = post(fmt.Sprintf("Content-Length: %d\r\n", 32<<20), "{")
		}
		if _, err := c.Write([]byte(request)); err != nil {
			t.Fatal(err)
		}
	}
	sleep(300)
	alive(t, s)
	if grown := residentMiB(t) - before; grown > 100 {
		t.Errorf("%d slow connections took %d MiB", heads+bodies, grown)
	}
	for _, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
		buf := make([]byte, 12)
		if _, err := c.Read(buf); err != nil || !strings.HasSuffix(string(buf), "408") {
			t.Fatalf("not cut at the timeout: %q %v", buf, err)
		}
	}
}

func residentMiB(t *testing.T) int {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("no /proc on this system")
	}
	pages, err := strconv.Atoi(strings.Fields(string(data))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize() >> 20
}
