package kserve

import (
	"context"
	"strconv"
	"time"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/kserve/inference"
)

// The statistics extension of Triton. Its counters begin anew when a version is loaded.
type (
	duration struct {
		Count uint64 `json:"count"`
		NS    uint64 `json:"ns"`
	}
	inferStats struct {
		Success duration `json:"success"` // answered requests, from their head to the answer
		Fail    duration `json:"fail"`
		Queue   duration `json:"queue"`         // waiting for the run
		Input   duration `json:"compute_input"` // reading and decoding, and batching
		Infer   duration `json:"compute_infer"` // the run, counted for each request that shared it
		Output  duration `json:"compute_output"`
		Hit     duration `json:"cache_hit"`
		Miss    duration `json:"cache_miss"`
	}
	modelStats struct {
		Name       string     `json:"name"`
		Version    string     `json:"version"`
		Last       uint64     `json:"last_inference"` // ms since 1970
		Inferences uint64     `json:"inference_count"`
		Executions uint64     `json:"execution_count"`
		Infer      inferStats `json:"inference_stats"`
		Batches    []struct{} `json:"batch_stats"`
	}
)

func statistics(r *server.Request) error {
	list, err := statisticsOf(r.Models(), r.ParamBytes(0), r.Param(1))
	if err != nil {
		return err
	}
	return r.ReplyValue(map[string]any{"model_stats": list})
}

// statisticsOf is what the versions in memory counted: one, those of one model, or all. Errors wrap server.ErrNotFound.
func statisticsOf(c *server.Catalog, name []byte, version string) ([]modelStats, error) {
	list := []modelStats{}
	if len(name) == 0 && version == "" {
		for _, m := range c.Models {
			list = append(list, ofModel(m)...)
		}
		return list, nil
	}
	m, e, err := lookup(c, name, version)
	switch {
	case m == nil || e == nil && version != "":
		return nil, err
	case version == "":
		return ofModel(m), nil
	}
	return append(list, statsOf(e)), nil
}

func ofModel(m *server.Model) []modelStats {
	list := []modelStats{}
	for i := len(m.Versions) - 1; i >= 0; i-- { // oldest first
		if e := m.Version(m.Versions[i].Number); e != nil {
			list = append(list, statsOf(e))
		}
	}
	return list
}

func statsOf(e *server.Engine) modelStats {
	s := e.Statistics()
	of := func(count uint64, d time.Duration) duration { return duration{count, uint64(max(d, 0))} }
	stats := modelStats{Name: e.Name, Version: strconv.FormatInt(e.Version, 10), Inferences: s.Rows, Executions: s.Runs,
		Infer: inferStats{Success: of(s.Success, s.SuccessTime), Fail: of(s.Failed, s.FailTime), Queue: of(s.Success, s.Queue),
			Input: of(s.Success, s.Input), Infer: of(s.Success, s.Compute), Output: of(s.Success, s.Output)},
		Batches: []struct{}{}}
	if t := e.LastUsed(); !t.IsZero() && s.Runs > 0 {
		stats.Last = uint64(t.UnixMilli())
	}
	return stats
}

// ModelStatistics is the same over gRPC.
func (s *service) ModelStatistics(ctx context.Context, q *inference.ModelStatisticsRequest) (*inference.ModelStatisticsResponse, error) {
	list, err := statisticsOf(s.models(ctx), []byte(q.Name), q.Version)
	if err != nil {
		return nil, err
	}
	answer := &inference.ModelStatisticsResponse{}
	of := func(d duration) *inference.StatisticDuration {
		return &inference.StatisticDuration{Count: d.Count, Ns: d.NS}
	}
	for _, m := range list {
		i := &m.Infer
		answer.ModelStats = append(answer.ModelStats, &inference.ModelStatistics{Name: m.Name, Version: m.Version, LastInference: m.Last,
			InferenceCount: m.Inferences, ExecutionCount: m.Executions,
			InferenceStats: &inference.InferStatistics{Success: of(i.Success), Fail: of(i.Fail), Queue: of(i.Queue), ComputeInput: of(i.Input),
				ComputeInfer: of(i.Infer), ComputeOutput: of(i.Output), CacheHit: of(i.Hit), CacheMiss: of(i.Miss)}})
	}
	return answer, nil
}
