package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/hotpath/hotpath/bench/load"
)

type benchServeCmd struct {
	URL         string        `arg:"" help:"URL of the requests, such as http://127.0.0.1:8080/predict."`
	Body        string        `help:"File with the body of a request (default: a digit, for the embedded model)." type:"existingfile" placeholder:"FILE"`
	Key         string        `help:"API key." env:"HOTPATH_KEY" placeholder:"KEY"`
	ContentType string        `help:"Content-Type of the body." default:"application/json"`
	Header      []string      `help:"More headers, NAME: VALUE." placeholder:"LINE"`
	Connections int           `help:"Connections." default:"8"`
	Rate        float64       `help:"Requests per second that become due, answered or not (default: every connection sends when it has its answer)." placeholder:"N"`
	Duration    time.Duration `help:"How long." default:"10s"`
	Deadline    time.Duration `help:"After which a client gives up, as X-Request-Timeout says; with --rate, what finds no connection for half of it is not sent." placeholder:"TIME"`
	Insecure    bool          `help:"Do not verify the certificate of the server."`
	JSON        bool          `help:"Print one JSON object." name:"json"`
}

// serveReport is documented by its keys; those in µs are of answers with status 200, and count from when a request was
// due.
type serveReport struct {
	URL         string  `json:"url"`
	Connections int     `json:"connections"`
	Rate        float64 `json:"rate,omitempty"`
	Seconds     float64 `json:"seconds"`
	Throughput  float64 `json:"throughput"` // answers with status 200 per second: the goodput
	Answered    int64   `json:"answered"`
	Refused     int64   `json:"refused"` // 429, 503
	Late        int64   `json:"late"`    // 504, or beyond the deadline
	Unsent      int64   `json:"unsent,omitempty"`
	Failed      int64   `json:"failed"` // anything else
	MinUS       float64 `json:"min_us"`
	P50US       float64 `json:"p50_us"`
	P90US       float64 `json:"p90_us"`
	P99US       float64 `json:"p99_us"`
	P999US      float64 `json:"p999_us"`
	RefusedP99  float64 `json:"refused_p99_us,omitempty"`
}

// Run implements the verb.
func (c *benchServeCmd) Run(e *env) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	r, err := load.Offer(context.Background(), o)
	if err != nil {
		return err
	}
	us := func(d time.Duration) float64 { return float64(d) / 1e3 }
	report := serveReport{URL: c.URL, Connections: c.Connections, Rate: c.Rate, Seconds: r.Elapsed.Seconds(),
		Throughput: float64(r.Good.Count()) / r.Elapsed.Seconds(), Answered: r.Good.Count(), Refused: r.Refused.Count(), Late: r.Late.Count(),
		Unsent: r.Unsent, Failed: r.Failed, MinUS: us(r.Good.Min()), P50US: us(r.Good.Quantile(0.5)), P90US: us(r.Good.Quantile(0.9)),
		P99US: us(r.Good.Quantile(0.99)), P999US: us(r.Good.Quantile(0.999)), RefusedP99: us(r.Refused.Quantile(0.99))}
	if c.JSON {
		err = e.printJSON(report)
	} else {
		fmt.Fprintf(e.stdout, "%.0f answers/s, p50 %.1f µs, p90 %.1f, p99 %.1f, p99.9 %.1f; %d answered, %d refused (p99 %.1f µs), %d late, %d unsent, %d failed\n",
			report.Throughput, report.P50US, report.P90US, report.P99US, report.P999US, report.Answered, report.Refused, report.RefusedP99,
			report.Late, report.Unsent, report.Failed)
	}
	if err == nil && r.Failed > 0 {
		err = fmt.Errorf("%d requests failed, the first with: %w", r.Failed, r.First)
	}
	return err
}

func (c *benchServeCmd) options() (o load.Options, err error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return o, fmt.Errorf("%q: expected a URL such as http://127.0.0.1:8080/predict: %w", c.URL, errUsage)
	}
	if c.Connections < 1 || c.Rate < 0 || c.Duration <= 0 || c.Deadline < 0 {
		return o, fmt.Errorf("expected 1 or more --connections, a --rate and a --deadline of 0 or more and a --duration: %w", errUsage)
	}
	body := []byte(`{"input_data": [` + sampleDigit + `]}`)
	if c.Body != "" {
		if body, err = os.ReadFile(c.Body); err != nil {
			return o, err
		}
	}
	headers := append([]string{"Content-Type: " + c.ContentType}, c.Header...)
	if c.Key != "" {
		headers = append(headers, "Authorization: Bearer "+c.Key)
	}
	if c.Deadline > 0 {
		headers = append(headers, "X-Request-Timeout: "+c.Deadline.String())
	}
	o = load.Options{Address: u.Host, Conns: c.Connections, Rate: c.Rate, Duration: c.Duration, Deadline: c.Deadline,
		Request: load.PostWith(u.Host, u.RequestURI(), headers, body)}
	port := "80"
	if u.Scheme == "https" {
		port = "443"
		o.TLS = &tls.Config{ServerName: u.Hostname(), InsecureSkipVerify: c.Insecure} //nolint:gosec // asked for by name
	}
	if u.Port() == "" {
		o.Address = net.JoinHostPort(u.Hostname(), port)
	}
	return o, nil
}
