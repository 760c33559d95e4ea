package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/hotpath/hotpath/bench/load"
)

type benchServeCmd struct {
	URL         string            `arg:"" help:"URL of the requests, such as http://127.0.0.1:8080/predict; with --protocol of the server alone."`
	Body        []string          `help:"File with the body of a request; several are sent in turn (default: a digit, for the embedded model)." type:"existingfile" placeholder:"FILE" sep:"none"`
	Protocol    string            `help:"Make the requests in this protocol, from the inputs that the server says the model has: predict, kserve, kserve-binary, tfserving, mlflow." placeholder:"NAME" enum:",predict,kserve,kserve-binary,tfserving,mlflow" default:""`
	Model       string            `help:"With --protocol: the model (default: the only one)." placeholder:"NAME"`
	Rows        int               `help:"With --protocol: rows of a request, the first axis of inputs where that is unknown." placeholder:"N"`
	Shape       map[string]string `help:"With --protocol: shape of an input, as in input=32x100; other unknown axes are 1." placeholder:"NAME=1x128"`
	Input       string            `help:"With --protocol: values from a file instead, as for run: .npz, .npy or .json." placeholder:"FILE" type:"existingfile"`
	Key         string            `help:"API key." env:"HOTPATH_KEY" placeholder:"KEY"`
	ContentType string            `help:"Content-Type of the body." default:"application/json"`
	Header      []string          `help:"More headers, NAME: VALUE." placeholder:"LINE"`
	Connections int               `help:"Connections." default:"8"`
	Rate        float64           `help:"Requests per second that become due, answered or not (default: every connection sends when it has its answer)." placeholder:"N"`
	Duration    time.Duration     `help:"How long." default:"10s"`
	Warmup      *time.Duration    `help:"How long before that, not counted (default: a tenth of it)." placeholder:"TIME"`
	Deadline    time.Duration     `help:"After which a client gives up, as X-Request-Timeout says; with --rate, what finds no connection for half of it is not sent." placeholder:"TIME"`
	Insecure    bool              `help:"Do not verify the certificate of the server."`
	JSON        bool              `help:"Print one JSON object." name:"json"`
}

// Help implements kong's long help.
func (benchServeCmd) Help() string {
	return "Sends requests over connections that are kept, and prints the rate and latency of the answers with status 200, and how many others there were by status.\n\n" +
		"Without --rate it is a closed loop: a slow server is asked less. With --rate it is an open one: requests become due at that rate whether or not those before them are answered, and latency counts from when a request was due, so that what waits for a slow answer shows (no coordinated omission). Requests that were due and found no free connection in half the --deadline, or until the end, are counted as unsent: more --connections or a lower --rate avoid them.\n\n" +
		"With --protocol the model's inputs are asked of the server: /v2/models/NAME of the Open Inference Protocol, or for tfserving the metadata of TensorFlow Serving, so that other servers can be measured too. Values are small numbers that differ from each other in inputs of float32, else zeros and empty texts; --input has others."
}

// serveReport is documented by its keys; those in µs are of answers with status 200, and count from when a request was
// due.
type serveReport struct {
	URL         string           `json:"url"`
	Protocol    string           `json:"protocol,omitempty"`
	Connections int              `json:"connections"`
	Rate        float64          `json:"rate,omitempty"`
	Seconds     float64          `json:"seconds"`
	Throughput  float64          `json:"throughput"` // answers with status 200 per second: the goodput
	Answered    int64            `json:"answered"`
	Refused     int64            `json:"refused"`       // 429, 503
	Late        int64            `json:"late"`          // 504, or beyond the deadline
	Failed      int64            `json:"failed"`        // anything else
	NoAnswer    int64            `json:"no_answer"`     // of failed: broken connections
	Unsent      int64            `json:"unsent"`        // due, but no connection was free in time
	Statuses    map[string]int64 `json:"statuses"`      // answers by status
	Bytes       int              `json:"request_bytes"` // mean, head and body
	MinUS       float64          `json:"min_us"`
	P50US       float64          `json:"p50_us"`
	P90US       float64          `json:"p90_us"`
	P99US       float64          `json:"p99_us"`
	P999US      float64          `json:"p999_us"`
	MaxUS       float64          `json:"max_us"`
	RefusedP99  float64          `json:"refused_p99_us,omitempty"`
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
	report := serveReport{URL: c.URL, Protocol: c.Protocol, Connections: c.Connections, Rate: c.Rate, Seconds: r.Elapsed.Seconds(),
		Throughput: float64(r.Good.Count()) / r.Elapsed.Seconds(), Answered: r.Good.Count(), Refused: r.Refused.Count(), Late: r.Late.Count(),
		Failed: r.Failed, NoAnswer: r.Statuses[0], Unsent: r.Unsent, Statuses: map[string]int64{}, Bytes: len(slices.Concat(o.Requests...)) / len(o.Requests),
		MinUS: us(r.Good.Min()), P50US: us(r.Good.Quantile(0.5)), P90US: us(r.Good.Quantile(0.9)), P99US: us(r.Good.Quantile(0.99)),
		P999US: us(r.Good.Quantile(0.999)), MaxUS: us(r.Good.Quantile(1)), RefusedP99: us(r.Refused.Quantile(0.99))}
	for status, n := range r.Statuses {
		if status != 0 {
			report.Statuses[strconv.Itoa(status)] = n
		}
	}
	if c.JSON {
		err = e.printJSON(report)
	} else {
		report.print(e.stdout)
	}
	if err == nil && r.Failed > 0 {
		err = fmt.Errorf("%d requests failed, the first with: %w", r.Failed, r.First)
	}
	return err
}

func (r *serveReport) print(w io.Writer) {
	fmt.Fprintf(w, "%.0f answers/s, p50 %.1f µs, p90 %.1f, p99 %.1f, p99.9 %.1f, longest %.1f; %d answered, %d refused (p99 %.1f µs), %d late, %d failed",
		r.Throughput, r.P50US, r.P90US, r.P99US, r.P999US, r.MaxUS, r.Answered, r.Refused, r.RefusedP99, r.Late, r.Failed)
	if len(r.Statuses) > 1 || r.NoAnswer > 0 {
		fmt.Fprint(w, "; by status")
		for _, status := range slices.Sorted(maps.Keys(r.Statuses)) {
			fmt.Fprintf(w, " %s: %d,", status, r.Statuses[status])
		}
		fmt.Fprintf(w, " no answer: %d", r.NoAnswer)
	}
	if r.Unsent > 0 {
		fmt.Fprintf(w, "; %d were due and not sent, so latencies are longer than these", r.Unsent)
	}
	fmt.Fprintln(w)
}

func (c *benchServeCmd) options() (o load.Options, err error) {
	u, err := serverURL(c.URL)
	if err != nil {
		return o, err
	}
	if c.Connections < 1 || c.Rate < 0 || c.Duration <= 0 || c.Deadline < 0 || c.Warmup != nil && *c.Warmup < 0 {
		return o, fmt.Errorf("expected 1 or more --connections, a --rate, --deadline and --warmup of 0 or more and a --duration: %w", errUsage)
	}
	o = load.Options{Address: u.Host, Conns: c.Connections, Rate: c.Rate, Warmup: c.Duration / 10, Duration: c.Duration, Deadline: c.Deadline}
	if c.Warmup != nil {
		o.Warmup = *c.Warmup
	}
	port := "80"
	if u.Scheme == "https" {
		port = "443"
		o.TLS = &tls.Config{ServerName: u.Hostname(), InsecureSkipVerify: c.Insecure} //nolint:gosec // asked for by name
	}
	if u.Port() == "" {
		o.Address = net.JoinHostPort(u.Hostname(), port)
	}
	headers := c.Header
	if c.Key != "" {
		headers = append(headers, "Authorization: Bearer "+c.Key)
	}
	if c.Deadline > 0 {
		headers = append(headers, "X-Request-Timeout: "+c.Deadline.String())
	}
	if c.Protocol != "" {
		path, more, body, err := c.asked(u)
		o.Requests = [][]byte{load.PostWith(u.Host, path, append(headers, more...), body)}
		return o, err
	}
	if c.Model != "" || c.Rows != 0 || len(c.Shape) > 0 || c.Input != "" {
		return o, fmt.Errorf("--model, --rows, --shape or --input without --protocol: %w", errUsage)
	}
	bodies := [][]byte{[]byte(`{"input_data": [` + sampleDigit + `]}`)}
	if len(c.Body) > 0 {
		bodies = nil
	}
	for _, path := range c.Body {
		body, err := os.ReadFile(path)
		if err != nil {
			return o, err
		}
		bodies = append(bodies, body)
	}
	headers = append(headers, "Content-Type: "+c.ContentType)
	for _, body := range bodies {
		o.Requests = append(o.Requests, load.PostWith(u.Host, u.RequestURI(), headers, body))
	}
	return o, nil
}
