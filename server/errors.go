package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hotpath/hotpath/graph"
)

// Errors that have an HTTP status of their own. Errors of models and inputs are those of package graph.
var (
	ErrRequest      = errors.New("malformed request")
	ErrUnauthorized = errors.New("unauthorized")
	ErrForbidden    = errors.New("forbidden")
	ErrNotFound     = errors.New("not found")
	ErrMethod       = errors.New("method not allowed")
	ErrTimeout      = errors.New("request timeout")
	ErrTooLarge     = errors.New("request too large")
	ErrEncoding     = errors.New("unsupported content encoding")
	ErrHost         = errors.New("misdirected request")
	ErrBusy         = errors.New("server is busy")
	ErrQuota        = errors.New("limit of the API key")
	ErrDeadline     = errors.New("deadline exceeded")
	ErrGone         = errors.New("client is gone")
	ErrConflict     = errors.New("conflict")
	ErrUnavailable  = errors.New("service unavailable")
)

// failure is an error whose text is meant for the client as it is, without the name of its class behind it.
type failure struct {
	class error
	text  string
	retry time.Duration // when to try again, about; 0 if that is not known
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.class }

// Fail makes an error of a class with the text that the client shall read.
func Fail(class error, format string, args ...any) error {
	return &failure{class: class, text: fmt.Sprintf(format, args...)}
}

// FailFor is Fail for what may succeed after a while.
func FailFor(class error, retry time.Duration, format string, args ...any) error {
	return &failure{class, fmt.Sprintf(format, args...), retry}
}

// RetryAfter is when a refused request may be sent again, a second or more; ok says whether that can help at all. Up to
// half of the time and a second, and no more than a minute, is chance: those refused together do not come back together.
func RetryAfter(err error) (d time.Duration, ok bool) {
	switch Status(err) {
	case fasthttp.StatusTooManyRequests, fasthttp.StatusServiceUnavailable, fasthttp.StatusGatewayTimeout:
	default:
		return 0, false
	}
	var f *failure
	if errors.As(err, &f) {
		d = f.retry
	}
	d = max(d, time.Second)
	return d + rand.N(min(d/2, time.Minute)+time.Second), true
}

// Limits that a request can be beyond are told apart in metrics.
var (
	errQueue      = fmt.Errorf("queue: %w", ErrBusy)
	errLateQueue  = fmt.Errorf("queue too long for the deadline: %w", ErrBusy)
	errBodies     = fmt.Errorf("memory of bodies: %w", ErrBusy)
	errValues     = fmt.Errorf("memory of values: %w", ErrBusy)
	errRate       = fmt.Errorf("rate: %w", ErrQuota)
	errDay        = fmt.Errorf("requests of a day: %w", ErrQuota)
	errConcurrent = fmt.Errorf("requests at once: %w", ErrQuota)
)

// Status derives the HTTP status of an error, here and nowhere else. What is not listed is our fault: 500.
func Status(err error) int { return kindOf(err).status }

// kind is what a class of errors is to clients and in metrics.
type kind struct {
	class  error
	status int
	reason string
}

func kindOf(err error) kind {
	for _, k := range kinds {
		if errors.Is(err, k.class) {
			return k
		}
	}
	return kind{nil, fasthttp.StatusInternalServerError, "internal"}
}

// kinds are in order of precedence.
var kinds = []kind{
	{graph.ErrInput, fasthttp.StatusBadRequest, "input"},
	{ErrRequest, fasthttp.StatusBadRequest, "malformed"},
	{ErrUnauthorized, fasthttp.StatusUnauthorized, "unauthorized"},
	{ErrForbidden, fasthttp.StatusForbidden, "forbidden"},
	{ErrNotFound, fasthttp.StatusNotFound, "not_found"},
	{ErrMethod, fasthttp.StatusMethodNotAllowed, "method"},
	{ErrTimeout, fasthttp.StatusRequestTimeout, "slow_client"},
	{ErrTooLarge, fasthttp.StatusRequestEntityTooLarge, "size"},
	{graph.ErrLimit, fasthttp.StatusRequestEntityTooLarge, "values"},
	{ErrEncoding, fasthttp.StatusUnsupportedMediaType, "encoding"},
	{ErrHost, fasthttp.StatusMisdirectedRequest, "host"},
	{ErrConflict, fasthttp.StatusConflict, "conflict"},
	{errQueue, fasthttp.StatusTooManyRequests, "queue"},
	{errLateQueue, fasthttp.StatusTooManyRequests, "queue_deadline"},
	{errBodies, fasthttp.StatusTooManyRequests, "body_memory"},
	{errValues, fasthttp.StatusTooManyRequests, "run_memory"},
	{ErrBusy, fasthttp.StatusTooManyRequests, "busy"},
	{errRate, fasthttp.StatusTooManyRequests, "rate"},
	{errDay, fasthttp.StatusTooManyRequests, "quota"},
	{errConcurrent, fasthttp.StatusTooManyRequests, "concurrency"},
	{ErrQuota, fasthttp.StatusTooManyRequests, "key"},
	{ErrDeadline, fasthttp.StatusGatewayTimeout, "deadline"},
	{ErrGone, statusClientClosedRequest, "gone"},
	{ErrUnavailable, fasthttp.StatusServiceUnavailable, "unavailable"},
	{graph.ErrUnsupported, fasthttp.StatusNotImplemented, "unsupported"},
}

// reasons are all that kindOf may give, for their series to be there from the start.
func reasons() []string {
	list := []string{"internal"}
	for _, k := range kinds {
		list = append(list, k.reason)
	}
	return list
}

// statusClientClosedRequest is nginx' number for an answer that nobody reads; the log has it, no client sees it.
const statusClientClosedRequest = 499

// appendError writes {"error": text} with text as a JSON string. The text may quote the client, so everything that is
// not plain is escaped.
func appendError(dst []byte, text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		quoted = []byte(`"unprintable error"`)
	}
	dst = append(dst, `{"error": `...)
	dst = append(dst, quoted...)
	return append(dst, "}\n"...)
}
