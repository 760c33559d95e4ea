package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hotpath/hotpath/bench/process"
)

// kind is a program that stands in front of servers.
type kind struct {
	name   string
	config string // file in cmd/hotpath/deploy
	around string // what else its configuration needs: %[1]s is that file, %[2]s the directory
	args   func(file string) []string
	// edits are the places of the file that change: for servers with TLS, and for one that gets the key from the proxy.
	encrypted, keyed []string
	cert, own        string   // the certificate that it shows, and that of these checks
	second           []string // lines of the file that name a second server
	sentTo           string   // how its log names the first server, if not by the address
	logsToStdout     bool
	stop             syscall.Signal // lets it answer what it has
}

var proxies = []*kind{
	{
		name: "nginx", config: "nginx.conf", cert: "/etc/nginx/hotpath.", own: "proxy.", stop: syscall.SIGQUIT,
		second: []string{"    server 127.0.0.1:8081 fail_timeout=1s;\n", "    server 127.0.0.1:8091 fail_timeout=1s;\n"},
		around: "daemon off; worker_processes 1; pid %[2]s/nginx.pid; error_log %[2]s/error.log warn; events { worker_connections 1024; }\n" +
			"http { log_format forwarded '$upstream_addr'; access_log %[2]s/proxy.log forwarded;\n" +
			"client_body_temp_path %[2]s/b; proxy_temp_path %[2]s/p; fastcgi_temp_path %[2]s/f; uwsgi_temp_path %[2]s/u; scgi_temp_path %[2]s/s;\n" +
			"%[1]s}\n",
		args: func(file string) []string { return []string{"-c", file} },
		encrypted: []string{"proxy_pass http://", "proxy_ssl_trusted_certificate CA; proxy_ssl_verify on; proxy_ssl_name localhost; proxy_pass https://",
			"grpc_pass grpc://", "grpc_ssl_trusted_certificate CA; grpc_ssl_verify on; grpc_ssl_name localhost; grpc_pass grpcs://"},
		keyed: []string{"keepalive 64", "keepalive 1", "error timeout non_idempotent", "off",
			"proxy_set_header Connection", "proxy_set_header Authorization \"Bearer KEY\"; proxy_set_header Connection"},
	},
	{
		name: "haproxy", config: "haproxy.cfg", cert: "/etc/haproxy/hotpath.pem", own: "proxy.pem", stop: syscall.SIGUSR1,
		second: []string{"    server two 127.0.0.1:8081\n", "    server two 127.0.0.1:8091 proto h2 track hotpath/two\n"},
		sentTo: "hotpath/one\n", logsToStdout: true,
		around: "global\n    log stdout format raw local0\n    nbthread 1\n    hard-stop-after 10s\n\n" +
			"defaults\n    log global\n    log-format \"%%b/%%s\"\n\n%[1]s",
		args: func(file string) []string { return []string{"-db", "-f", file} },
		encrypted: []string{"fall 1 rise 1\n", "fall 1 rise 1 check-ssl ssl verify required ca-file CA verifyhost localhost\n",
			"proto h2 track", "alpn h2 ssl verify required ca-file CA verifyhost localhost track"},
		keyed: []string{"timeout server 60s", "http-reuse always\n    http-request set-header Authorization \"Bearer KEY\"\n    timeout server 5s"},
	},
}

// proxy is one that runs.
type proxy struct {
	kind    *kind
	cmd     *exec.Cmd
	address string
	log     string // a line for each request, with the server it went to
	done    chan struct{}
}

// begin runs a proxy; replace is what to change in its configuration beside its own address and certificate.
func (k *kind) begin(program, dir string, replace ...string) (*proxy, error) {
	text, err := os.ReadFile(filepath.Join("cmd/hotpath/deploy", k.config))
	if err != nil {
		return nil, fmt.Errorf("%w (run this in the root of the repository)", err)
	}
	address, err := free()
	if err != nil {
		return nil, err
	}
	config := string(text)
	replace = append(replace, k.cert, filepath.Join(dir, k.own))
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(config, replace[i]) {
			return nil, fmt.Errorf("%s has no %q", k.config, replace[i])
		}
		config = strings.ReplaceAll(config, replace[i], replace[i+1])
	}
	config = strings.Replace(config, "127.0.0.1:8443", address, 1)
	file := filepath.Join(dir, k.config)
	if err := os.WriteFile(file, fmt.Appendf(nil, k.around, config, dir), 0o600); err != nil {
		return nil, err
	}
	p := &proxy{kind: k, cmd: exec.Command(program, k.args(file)...), address: address, log: filepath.Join(dir, "proxy.log"), done: make(chan struct{})}
	if k.logsToStdout {
		out, err := os.Create(p.log)
		if err != nil {
			return nil, err
		}
		defer out.Close()
		p.cmd.Stdout, p.cmd.Stderr = out, out
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	if err := process.Until(patience, k.name, func() (bool, error) {
		select {
		case <-p.done:
			return false, fmt.Errorf("%s: %v", program, p.cmd.ProcessState)
		default:
		}
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil, nil
	}); err != nil {
		p.end()
		return nil, err
	}
	return p, nil
}

// end lets it answer what it has.
func (p *proxy) end() {
	_ = p.cmd.Process.Signal(p.kind.stop)
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	<-p.done
}

// free is an address that nobody has.
func free() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}
