package mlflow_test

import (
	"strings"
	"testing"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/mlflow"
	"github.com/hotpath/hotpath/server/servertest"
)

// load is a model with the columns x, y (numbers, may miss), n (whole numbers) and city (text): x + 10·y + 100·n, and
// -1 where the city is Oslo.
func load([]byte) (server.Runner, error) {
	return &servertest.Runner{
		Sig: graph.Signature{
			Inputs: []graph.Input{
				{Name: "xy", DType: tensor.Float32, Shape: []int{-1, 2}, Columns: []string{"x", "y"}, Missing: true},
				{Name: "n", DType: tensor.Int64, Shape: []int{-1, 1}}, {Name: "city", DType: tensor.String, Shape: []int{-1, 1}},
			},
			Outputs: []graph.Output{{Name: "output", DType: tensor.Float32, Shape: []int{-1, 1}}},
		},
		Func: func(in, out []*tensor.Tensor) error {
			rows := in[0].Shape[0]
			out[0].Resize(rows, 1)
			for i := range rows {
				xy := tensor.Data[float32](in[0])[2*i:]
				v := xy[0] + 10*xy[1] + 100*float32(tensor.Data[int64](in[1])[i])
				if in[2].Strings[i] == "Oslo" {
					v = -1
				}
				tensor.Data[float32](out[0])[i] = v
			}
			return nil
		}}, nil
}

func TestInvocations(t *testing.T) {
	s := servertest.Start(t, server.Config{APIs: []server.API{mlflow.API{}}, Sources: servertest.Source("m", nil), Load: load})
	for _, c := range []struct {
		name, contentType, body string
		status                  int
		want                    string
	}{
		{"split in another order", "application/json", `{"dataframe_split": {"index": [0, 7], "data": [["Rome", 2, 3, 1], ["Oslo", 2, 3, 1]], "columns": ["city", "y", "n", "x"]}}`, 200, `{"predictions": [321, -1]}`},
		{"split without columns", "application/json; charset=utf-8", `{"dataframe_split": {"columns": [0, 1, 2, 3], "data": [[1, 2, 3, "Rome"]]}, "params": {}}`, 200, `{"predictions": [321]}`},
		{"records", "application/json", `{"dataframe_records": [{"n": 3, "x": 1, "y": 2, "city": "Rome"}]}`, 200, `{"predictions": [321]}`},
		{"instances", "application/json", `{"instances": [[1, 2, 3, "Rome"], [1, null, 3, "Rome"]]}`, 200, `{"predictions": [321, null]}`},
		{"inputs", "application/json", `{"inputs": {"xy": [[1, 2]], "n": [[3]], "city": [["Rome"]]}}`, 200, `{"predictions": [321]}`},
		{"CSV", "text/csv", "city,x,y,n\r\n\"Ro,me\",1,2,3\r\n Oslo ,1e0, 2.0 ,3\n", 200, `{"predictions": [321, 321]}`},
		{"CSV with a missing value", "text/csv", "city,x,n\nRome,,3\n", 200, `{"predictions": [null]}`},
		{"CSV injection", "text/csv", "city,x,y,n\nRome,\"1],[2\",2,3\n", 400, `{"error": "body: row 0, column \"x\": expected a number, found \"1],[2\""}`},
		{"CSV of unequal rows", "text/csv", "city,x,y,n\nRome,1\n", 400, `{"error": "body: record on line 2: wrong number of fields"}`},
		{"CSV without rows", "text/csv", "city,x,y,n\n", 400, `{"error": "dataframe_split.data: empty, expected at least one row"}`},
		{"empty CSV", "text/csv", "", 400, `{"error": "body: expected a CSV table with a header"}`},
		{"unknown column", "application/json", `{"dataframe_split": {"columns": ["z"], "data": [[1]]}}`, 400, `{"error": "dataframe_split.columns[0]: no column or input of the model has the name \"z\""}`},
		{"column twice", "application/json", `{"dataframe_split": {"columns": ["x", "x"], "data": [[1, 2]]}}`, 400, `{"error": "dataframe_split.data[0][1]: the key occurs twice"}`},
		{"missing column", "application/json", `{"dataframe_split": {"columns": ["x", "city"], "data": [[1, "Rome"]]}}`, 400, `{"error": "dataframe_split.data[0]: the key \"n\" is missing"}`},
		{"row too long", "application/json", `{"dataframe_split": {"columns": ["x"], "data": [[1, 2]]}}`, 400, `{"error": "dataframe_split.data[0][1]: expected 1 values, one per column, found more"}`},
		{"row too short", "application/json", `{"dataframe_split": {"columns": ["x", "n"], "data": [[1]]}}`, 400, `{"error": "dataframe_split.data[0]: expected 2 values, one per column, found 1"}`},
		{"no data", "application/json", `{"dataframe_split": {"columns": ["x"]}}`, 400, `{"error": "dataframe_split: the key \"data\" is missing"}`},
		{"two tables", "application/json", `{"instances": [[1, 2, 3, "Rome"]], "inputs": 1}`, 400, `{"error": "inputs: a second table, expected one of dataframe_split, dataframe_records, instances, inputs"}`},
		{"no table", "application/json", `{}`, 400, `{"error": "body: no table, expected one of dataframe_split, dataframe_records, instances, inputs"}`},
		{"parameters", "application/json", `{"params": {"k": 1}}`, 400, `{"error": "params.k: this model has no parameters"}`},
		{"no media type", "", `{}`, 415, `{"error": "This predictor only supports the following content types: application/json, text/csv. Got ''."}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, answer, _ := servertest.Send(t, "POST", s.URL()+"/invocations", c.body, "Content-Type", c.contentType)
			if answer = strings.TrimSuffix(answer, "\n"); status != c.status || answer != c.want {
				t.Errorf("%d %s", status, answer)
			}
		})
	}
	for _, path := range []string{"/ping", "/health"} {
		if status, _, _ := servertest.Send(t, "GET", s.URL()+path, ""); status != 200 {
			t.Errorf("%s: %d", path, status)
		}
	}
}
