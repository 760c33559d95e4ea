package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotpath/hotpath/bench/process"
)

const width = 16

// swaps publishes versions under load.
func swaps(s settings, store string, figure map[string]any) error {
	srv, err := serve(s.binary, store, "--poll", "50ms")
	if err != nil {
		return err
	}
	defer srv.Stop()
	publish := func(version int) error {
		data, err := model(float32(version), width, 1)
		if err != nil {
			return err
		}
		if err := srv.must("POST", "/admin/models/m?label=stable", data); err != nil {
			return err
		}
		return process.Until(time.Minute, fmt.Sprint("version ", version), func() (bool, error) {
			_, list, err := srv.do("GET", "/admin/models", nil)
			return strings.Contains(list, fmt.Sprintf(`"serving":%d,`, version)), err
		})
	}
	if err := publish(1); err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: s.conns}}
	defer client.CloseIdleConnections()
	var asked, failed, mixed atomic.Int64
	var stop atomic.Bool
	var clients sync.WaitGroup
	body := ones(width)
	for range s.conns {
		clients.Go(func() {
			for !stop.Load() {
				asked.Add(1)
				version, answer, err := ask(client, srv.URL, body)
				switch {
				case err != nil:
					failed.Add(1)
				case answer != fmt.Sprintf("{\"prediction\": [%d]}\n", width*version):
					mixed.Add(1)
				}
			}
		})
	}
	begun := time.Now()
	corrupt := 0
	for v := 2; v <= s.swaps && err == nil; v++ {
		if v%10 == 0 { // nothing of which may be seen
			corrupt++
			if code, _, doErr := srv.do("POST", "/admin/models/m?label=stable", []byte("broken")); doErr == nil && code != http.StatusBadRequest {
				err = fmt.Errorf("a corrupt model was answered %d", code)
			}
		}
		if err == nil {
			err = publish(v)
		}
	}
	stop.Store(true)
	clients.Wait()
	figure["versions"], figure["corrupt"], figure["connections"], figure["seconds"] = s.swaps, corrupt, s.conns, time.Since(begun).Seconds()
	figure["requests"], figure["failed"], figure["mixed"] = asked.Load(), failed.Load(), mixed.Load()
	if err == nil && failed.Load()+mixed.Load() > 0 {
		err = fmt.Errorf("%d requests failed, %d had an answer of another version", failed.Load(), mixed.Load())
	}
	return err
}

// ask sends a row and returns the version that answered.
func ask(client *http.Client, at string, body []byte) (version int, answer string, err error) {
	resp, err := client.Post(at+"/predict?model=m", "application/json", bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d %s", resp.StatusCode, text)
	}
	_, _ = fmt.Sscanf(resp.Header.Get("X-Hotpath-Model"), "m/%d", &version)
	return version, string(text), err
}

// maxSlower is how much the 99th percentile of others may grow while a model is loaded.
const maxSlower = 1.2

// loads compares latencies with and without loads of 64 MiB of weights, in turns, and the medians of both.
func loads(s settings, store string, figure map[string]any) error {
	srv, err := serve(s.binary, store)
	if err != nil {
		return err
	}
	defer srv.Stop()
	small, err := model(1, width, 1)
	if err != nil {
		return err
	}
	large, err := model(1, 2048, 4)
	if err != nil {
		return err
	}
	if err := srv.must("POST", "/admin/models/m", small); err != nil {
		return err
	}
	if err := srv.must("POST", "/admin/models/large", large); err != nil {
		return err
	}
	if err := srv.must("POST", "/admin/models/large/load", nil); err != nil {
		return err
	}
	where, err := url.Parse(srv.URL)
	if err != nil {
		return err
	}
	var quiet, busy [2][]float64 // medians and 99th percentiles of the turns
	count := 0
	for range s.loads {
		for turn, into := range []*[2][]float64{&quiet, &busy} {
			stop, done := make(chan struct{}), make(chan error, 1)
			go func() {
				var err error
				for err == nil && turn == 1 {
					select {
					case <-stop:
						done <- nil
						return
					default:
					}
					count++
					if err = srv.must("POST", "/admin/models/large/unload", nil); err == nil {
						err = srv.must("POST", "/admin/models/large/load", nil)
					}
				}
				done <- err
			}()
			p50, p99, err := latency(where.Host, ones(width), time.Duration(s.seconds*float64(time.Second)))
			close(stop)
			if loadErr := <-done; err == nil {
				err = loadErr
			}
			if err != nil {
				return err
			}
			into[0], into[1] = append(into[0], p50), append(into[1], p99)
		}
	}
	figure["turns"], figure["loads"], figure["model_bytes"] = s.loads, count, len(large)
	figure["quiet_p50_us"], figure["loads_p50_us"] = median(quiet[0]), median(busy[0])
	figure["quiet_p99_us"], figure["loads_p99_us"] = median(quiet[1]), median(busy[1])
	ratio := median(busy[1]) / median(quiet[1])
	figure["p50_ratio"], figure["p99_ratio"] = median(busy[0])/median(quiet[0]), ratio
	if ratio > maxSlower {
		return fmt.Errorf("p99 of others is %.2f times that without loads, expected at most %.1f", ratio, maxSlower)
	}
	return nil
}

// latency sends a request over one connection, 1,000 times a second, and returns median and 99th percentile in µs. A
// steady rate leaves the processor room, as a service that is not overloaded has it.
func latency(host string, body []byte, length time.Duration) (p50, p99 float64, err error) {
	conn, err := dial(host)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	request := fmt.Appendf(nil, "POST /predict?model=m HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", host, len(body), body)
	r := bufio.NewReader(conn)
	var times []float64
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(length); time.Now().Before(end); {
		<-tick.C
		start := time.Now()
		if _, err := conn.Write(request); err != nil {
			return 0, 0, err
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return 0, 0, err
		}
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			return 0, 0, fmt.Errorf("%d %s %w", resp.StatusCode, text, err)
		}
		times = append(times, float64(time.Since(start).Nanoseconds())/1e3)
	}
	slices.Sort(times)
	return times[len(times)/2], times[len(times)*99/100], nil
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}
