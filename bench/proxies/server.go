package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hotpath/hotpath/bench/process"
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/loader/onnx"
)

// patience is the longest time that anything takes.
const patience = 30 * time.Second

// maxBody is the limit of the servers.
const maxBody = 32 << 20

// site is a proxy with two servers behind it, which share a store.
type site struct {
	dir     string
	binary  string
	clients map[string]*http.Client // of the proxy, by protocol
	key     string                  // without limits
	limited string                  // that may ask once a minute
	servers []*backend
	proxy   *proxy
}

// backend is one server.
type backend struct {
	args   []string
	grpc   string
	http   string
	admin  string
	log    string
	server *process.Server
	pid    int
}

// noContext is that of requests which nobody breaks off.
var noContext = context.Background()

func newSite(binary string) *site {
	one := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableCompression: true}
	two := one.Clone()
	two.ForceAttemptHTTP2 = true
	return &site{binary: binary, clients: map[string]*http.Client{
		"HTTP/1.1": {Transport: one, Timeout: patience}, "HTTP/2.0": {Transport: two, Timeout: patience}}}
}

// open starts servers and proxy.
func open(binary, program string, k *kind, encrypted bool) (s *site, err error) {
	s = newSite(binary)
	if s.dir, err = os.MkdirTemp("", "hotpath-proxies-*"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err = os.Chmod(s.dir, 0o755); err != nil { // the workers of a proxy are other users
		return s, err
	}
	if err = s.models(width); err != nil {
		return s, err
	}
	if s.key, err = s.newKey("--scope", "admin"); err != nil {
		return s, err
	}
	if s.limited, err = s.newKey("--rate", "1/m", "--burst", "1"); err != nil {
		return s, err
	}
	var edits []string
	for i := range 2 {
		var b *backend
		if b, err = s.backend(i, encrypted); err != nil {
			return s, err
		}
		s.servers = append(s.servers, b)
		if err = b.begin(binary); err != nil {
			return s, err
		}
		edits = append(edits, fmt.Sprint("127.0.0.1:808", i), b.http, fmt.Sprint("127.0.0.1:809", i), b.grpc)
	}
	if encrypted {
		edits = append(edits, k.encrypted...)
		edits = append(edits, "CA", filepath.Join(s.dir, "store/tls/self-signed.crt"))
	}
	if err = certificate(s.dir); err != nil {
		return s, err
	}
	if s.proxy, err = k.begin(program, s.dir, edits...); err != nil {
		return s, err
	}
	return s, s.bothAnswer()
}

// backend is the command line of a server.
func (s *site) backend(i int, encrypted bool) (*backend, error) {
	b := &backend{log: filepath.Join(s.dir, fmt.Sprint("server", i))}
	for _, at := range []*string{&b.http, &b.grpc, &b.admin} {
		var err error
		if *at, err = free(); err != nil {
			return nil, err
		}
	}
	b.args = []string{"serve", "--http", b.http, "--grpc", b.grpc, "--admin", b.admin, "--store", filepath.Join(s.dir, "store"),
		"--models", filepath.Join(s.dir, "models"), "--max-body", strconv.Itoa(maxBody), "--drain-timeout", "6s", "--access-log", "--log-format", "json", "--cache", "none"}
	if encrypted {
		b.args = append(b.args, "--tls-self-signed")
	}
	return b, nil
}

func (b *backend) begin(binary string, more ...string) (err error) {
	log, err := os.OpenFile(b.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(binary, append(b.args, more...)...)
	cmd.Stderr = log
	if b.server, err = process.Begin(cmd); err != nil {
		text, _ := os.ReadFile(b.log)
		return fmt.Errorf("%w: %s", err, text)
	}
	b.pid = cmd.Process.Pid
	return nil
}

// end drains, and reports how the process ended. One that took over is nobody's child here.
func (b *backend) end() error {
	if b.server == nil {
		return nil
	}
	server := b.server
	b.server = nil
	if err := syscall.Kill(b.pid, syscall.SIGTERM); err != nil {
		return err
	}
	late := time.AfterFunc(patience, func() { _ = syscall.Kill(b.pid, syscall.SIGKILL) })
	defer late.Stop()
	if b.pid != server.Cmd.Process.Pid {
		if err := process.Until(patience, "the end of a server", func() (bool, error) { return syscall.Kill(b.pid, 0) != nil, nil }); err != nil {
			return err
		}
	}
	return server.Cmd.Wait()
}

// since is what the log says from a place on.
func (b *backend) since(from int64) string {
	text, err := os.ReadFile(b.log)
	if err != nil || int64(len(text)) < from {
		return ""
	}
	return string(text[from:])
}

func (b *backend) logged() int64 {
	info, err := os.Stat(b.log)
	if err != nil {
		return 0
	}
	return info.Size()
}

// says waits for a line of the log.
func (b *backend) says(from int64, pattern string) (groups []string, err error) {
	re := regexp.MustCompile(pattern)
	return groups, process.Until(patience, pattern, func() (bool, error) {
		groups = re.FindStringSubmatch(b.since(from))
		return groups != nil, nil
	})
}

// metric is the sum of the series whose names begin so, of both servers.
func (s *site) metric(name string) (sum float64, err error) {
	for _, b := range s.servers {
		req, err := http.NewRequest("GET", "http://"+b.admin+"/metrics", nil)
		if err != nil {
			return 0, err
		}
		req.Header.Set("Authorization", "Bearer "+s.key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("metrics: %d %s", resp.StatusCode, text)
		}
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) == 2 && strings.HasPrefix(line, name) {
				v, _ := strconv.ParseFloat(f[1], 64)
				sum += v
			}
		}
	}
	return sum, nil
}

func (s *site) close() (err error) {
	for _, c := range s.clients {
		c.CloseIdleConnections()
	}
	if s.proxy != nil {
		s.proxy.end()
	}
	for i, b := range s.servers {
		if e := b.end(); e != nil {
			err = errors.Join(err, fmt.Errorf("server %d: %w", i, e))
		}
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

func (s *site) newKey(flags ...string) (string, error) {
	out, err := exec.Command(s.binary, append([]string{"keys", "create", "--store", filepath.Join(s.dir, "store"), "--name", "test"}, flags...)...).Output()
	f := strings.Fields(string(out))
	if err != nil || len(f) == 0 {
		return "", fmt.Errorf("keys create: %s %w", out, err)
	}
	return f[len(f)-1], nil
}

// bothAnswer waits until both servers get requests.
func (s *site) bothAnswer() error {
	from := []int64{s.servers[0].logged(), s.servers[1].logged()}
	client := s.clients["HTTP/1.1"]
	return process.Until(patience, "answers of both servers", func() (bool, error) {
		a, err := s.ask(noContext, client, "GET", "/v2/models/m", nil, nil)
		if err == nil && a.code != http.StatusOK {
			err = fmt.Errorf("%d %s", a.code, a.body)
		}
		if err != nil {
			return false, nil // until the proxy has looked at them
		}
		return strings.Contains(s.servers[0].since(from[0]), "/v2/models/m") && strings.Contains(s.servers[1].since(from[1]), "/v2/models/m"), nil
	})
}

// answer is what a client gets.
type answer struct {
	code   int
	header http.Header
	body   []byte
	proto  string
}

func (s *site) ask(ctx context.Context, client *http.Client, method, path string, header http.Header, body io.Reader) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, "https://"+s.proxy.address+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	for name, v := range header {
		req.Header[name] = v
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return &answer{resp.StatusCode, resp.Header, text, resp.Proto}, err
}

// width of the models.
const width = 256

// models are m, whose answer is its input, and slow, with the same answer later.
func (s *site) models(width int) error {
	for name, layers := range map[string]int{"m": 0, "slow": 400} {
		in := []int{-1, width}
		m := &graph.Model{Opsets: map[string]int64{"": 17}, Graph: graph.Graph{
			Inputs:       []graph.Value{{Name: "input", DType: tensor.Float32, Shape: in}},
			Outputs:      []graph.Value{{Name: "output", DType: tensor.Float32, Shape: in}},
			Initializers: map[string]*tensor.Tensor{},
		}}
		at := "input"
		for i := range layers {
			if i == 0 {
				w := tensor.New(tensor.Float32, width, width)
				for j := range width {
					tensor.Data[float32](w)[j*width+j] = 1
				}
				m.Graph.Initializers["w"] = w
			}
			out := fmt.Sprint("h", i)
			m.Graph.Nodes = append(m.Graph.Nodes, &graph.Node{Op: "MatMul", Inputs: []string{at, "w"}, Outputs: []string{out}})
			at = out
		}
		m.Graph.Nodes = append(m.Graph.Nodes, &graph.Node{Op: "Identity", Inputs: []string{at}, Outputs: []string{"output"}})
		data, err := onnx.Write(m)
		if err != nil {
			return err
		}
		dir := filepath.Join(s.dir, "models", name, "1")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "model.onnx"), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// certificate makes one for the proxy, of localhost.
func certificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	made := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, made, made, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	var crt, own bytes.Buffer
	_ = pem.Encode(&crt, &pem.Block{Type: "CERTIFICATE", Bytes: cert})
	_ = pem.Encode(&own, &pem.Block{Type: "PRIVATE KEY", Bytes: private})
	for name, text := range map[string]string{"proxy.crt": crt.String(), "proxy.key": own.String(), "proxy.pem": crt.String() + own.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// upgrade hands over to a new process.
func (b *backend) upgrade() error {
	from := b.logged()
	if err := syscall.Kill(b.pid, syscall.SIGUSR2); err != nil {
		return err
	}
	groups, err := b.says(from, `"msg":"handed over","pid":(\d+)`)
	if err != nil {
		return err
	}
	if _, err := b.says(from, `"msg":"drained"`); err != nil {
		return err
	}
	b.pid, err = strconv.Atoi(groups[1])
	return err
}
