package kserve_test

import (
	"encoding/json"
	"testing"

	"github.com/hotpath/hotpath/server/servertest"
)

// TestStatisticsCountRequestsRowsAndRuns reads them before and after an answered and a refused request.
func TestStatisticsCountRequestsRowsAndRuns(t *testing.T) {
	url := start(t).URL() + "/v2/models/"
	type counted struct{ Count, NS uint64 }
	type stats struct {
		Models []struct {
			Name, Version string
			Rows          uint64             `json:"inference_count"`
			Runs          uint64             `json:"execution_count"`
			Stats         map[string]counted `json:"inference_stats"`
		} `json:"model_stats"`
	}
	read := func(path string) (s stats) {
		t.Helper()
		status, body, _ := servertest.Send(t, "GET", url+path, "")
		if err := json.Unmarshal([]byte(body), &s); err != nil || status != 200 {
			t.Fatalf("%s: %d %s", path, status, body)
		}
		return s
	}
	if s := read("pair/stats"); len(s.Models) != 1 || s.Models[0].Rows != 0 || s.Models[0].Stats["success"].Count != 0 {
		t.Errorf("before any request: %+v", s)
	}
	for _, body := range []string{
		`{"inputs":[{"name":"a","shape":[3,2],"datatype":"FP32","data":[1,2,3,4,5,6]},{"name":"b","shape":[3],"datatype":"FP32","data":[3,4,5]}]}`,
		`{"inputs":[]}`,
	} {
		servertest.Send(t, "POST", url+"pair/infer", body)
	}
	s := read("pair/versions/1/stats").Models[0]
	if s.Name != "pair" || s.Version != "1" || s.Rows != 3 || s.Runs != 1 {
		t.Errorf("%+v", s)
	}
	for _, key := range []string{"success", "fail", "queue", "compute_input", "compute_infer", "compute_output"} {
		if c := s.Stats[key]; c.Count != 1 || c.NS == 0 && key != "queue" {
			t.Errorf("%s: %+v", key, c)
		}
	}
	if in, all := s.Stats, s.Stats["success"].NS; in["compute_input"].NS+in["compute_infer"].NS+in["compute_output"].NS+in["queue"].NS != all {
		t.Errorf("the parts of %d ns are not all of it: %+v", all, s.Stats)
	}
	if all := read("stats"); len(all.Models) != 4 {
		t.Errorf("%d models of 4", len(all.Models))
	}
	for _, path := range []string{"absent/stats", "pair/versions/9/stats"} {
		if status, body, _ := servertest.Send(t, "GET", url+path, ""); status != 404 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}
