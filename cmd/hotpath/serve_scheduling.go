package main

import (
	"time"

	"github.com/hotpath/hotpath/server"
)

// schedulingFlags are the settings of the queues.
type schedulingFlags struct {
	Queue      int           `help:"Requests waiting for one model; more are answered 429." default:"1024" aliases:"max-queue" live:""`
	Timeout    time.Duration `help:"Longest time to an answer; a client may ask for less with X-Request-Timeout." default:"30s" live:""`
	BatchMax   int           `help:"Most rows of waiting requests that are computed together; 1 for never." default:"32" live:""`
	BatchDelay time.Duration `help:"How long requests that wait for a busy model may be held back for more to come." default:"0s" live:""`
	BatchSizes []int         `help:"Rows at which a batch is cut where there are more (default: 1, 2, 3, 4, 6, 8, 12, …)." placeholder:"N,…" live:""`
}

// scheduling is the settings of all models, and of single ones by name.
func (f schedulingFlags) scheduling(models map[string]modelSettings) server.Scheduling {
	s := server.Scheduling{Queue: f.Queue, Timeout: f.Timeout, BatchMax: f.BatchMax, BatchDelay: f.BatchDelay, BatchSizes: f.BatchSizes,
		Models: map[string]server.Scheduling{}}
	for name, m := range models {
		s.Models[name] = server.Scheduling{Concurrency: m.Concurrency, Queue: m.Queue, Timeout: m.Timeout,
			BatchMax: m.BatchMax, BatchDelay: m.BatchDelay, BatchSizes: m.BatchSizes}
	}
	return s
}
