// Package mlflow is the scoring protocol of MLflow: POST /invocations with a table as JSON or CSV, and GET /ping.
//
//	mlflow.org/docs/latest/genai/serving/ and mlflow/pyfunc/scoring_server
package mlflow

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"mime"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/jsontensor"
)

// API is the wire format.
type API struct{}

// Routes implements server.API. MLflow serves one model; here ?model= and ?version= name another one than the default.
func (API) Routes() []server.Route {
	return []server.Route{
		{Method: "POST", Path: "/invocations", Right: server.Predict, Handle: invocations, Doc: server.Doc{
			Summary: "MLflow: answer a table", Query: server.AskedQuery,
			Body: tableSchema, Others: []string{"text/csv"}, Errors: server.RunsModel,
			Answer: server.Object(map[string]server.Schema{"predictions": server.List(server.Values(), 0)}, "predictions"),
		}},
		{Method: "GET", Path: "/ping", Right: server.Public, Handle: ping, Doc: pingDoc},
		{Method: "GET", Path: "/health", Right: server.Public, Handle: ping, Doc: pingDoc},
	}
}

var pingDoc = server.Doc{Summary: "MLflow: whether requests should be sent here", Answer: server.Object(nil),
	Errors: []int{fasthttp.StatusServiceUnavailable}}

// tableSchema is the forms of a table.
func tableSchema(s *graph.Signature) server.Schema {
	split := server.Object(map[string]server.Schema{"columns": server.List(server.Text(), 1), "index": server.List(server.Values(), 0),
		"data": server.List(server.List(server.Values(), 1), 1)}, "data")
	return server.OneKey(map[string]server.Schema{"dataframe_split": split, "dataframe_records": jsontensor.RowsSchema(s),
		"instances": jsontensor.RowsSchema(s), "inputs": jsontensor.TensorsSchema(s)},
		map[string]server.Schema{"params": server.Object(nil)})
}

// ping answers as MLflow does, but for the body: MLflow's is an empty line under the name of JSON, which its clients do not read.
func ping(r *server.Request) error {
	if err := r.Ready(); err != nil {
		return err
	}
	r.ReplyJSON([]byte("{}\n"))
	return nil
}

var style = jsontensor.Style{Comma: ", "}

func invocations(r *server.Request) error {
	engine, err := r.Asked()
	if err != nil {
		return err
	}
	body, err := r.Body()
	if err != nil {
		return err
	}
	table, err := isCSV(r.RequestHeader("Content-Type"))
	if err != nil {
		return err
	}
	s, err := r.Begin(engine)
	if err != nil {
		return err
	}
	c, err := jsontensor.Use(&s.Scratch, s.Engine.Signature)
	if err != nil {
		return err
	}
	if table {
		if body, err = splitForm(engine.Signature, body); err != nil {
			return err
		}
	}
	c.Reset(body, jsontensor.Options{NonFinite: true, Base64: true})
	if err := decode(c, s); err != nil {
		return err
	}
	if err := r.Run(s); err != nil {
		return err
	}
	r.Out = append(r.Out, `{"predictions": `...)
	r.Out = style.AppendRows(r.Out, s.Outputs[engine.Signature.Answer()])
	r.Out = append(r.Out, '}')
	r.ReplyJSON(r.Out)
	return nil
}

// isCSV decides by the media type, which MLflow demands too.
func isCSV(contentType []byte) (bool, error) {
	media, _, err := mime.ParseMediaType(string(contentType))
	switch {
	case err == nil && media == "application/json":
		return false, nil
	case err == nil && media == "text/csv":
		return true, nil
	}
	return false, server.Fail(server.ErrEncoding, "This predictor only supports the following content types: application/json, text/csv. Got '%s'.", contentType)
}

// forms are the keys of which a body has one.
const forms = "one of dataframe_split, dataframe_records, instances, inputs"

func decode(c *jsontensor.Codec, s *server.Session) error {
	if err := c.Object(); err != nil {
		return err
	}
	found := false
	for first := true; ; first = false {
		key, ok, err := c.Key(first)
		if err == nil && !ok {
			break
		}
		if err == nil && string(key) != "params" {
			if found {
				return c.Fail("a second table, expected " + forms)
			}
			found = true
		}
		if err == nil {
			switch string(key) {
			case "dataframe_split":
				err = c.Split(s.Inputs)
			case "dataframe_records", "instances":
				_, err = c.Rows(s.Inputs)
			case "inputs":
				err = c.Tensors(s.Inputs)
			case "params": // of the model's own code, which there is none of here
				if err = c.Members(func([]byte) error { return c.Fail("this model has no parameters") }); err != nil {
					return err
				}
			default:
				err = c.Fail("unknown key, expected " + forms)
			}
		}
		if err != nil {
			return err
		}
	}
	if !found {
		return c.Fail("no table, expected " + forms)
	}
	return c.End()
}

// splitForm writes a CSV table with a header as {"dataframe_split": …}. Errors wrap graph.ErrInput.
func splitForm(sig *graph.Signature, body []byte) ([]byte, error) {
	reader := csv.NewReader(bytes.NewReader(body))
	header, err := reader.Read()
	reader.ReuseRecord = true
	if err != nil {
		return nil, server.Fail(graph.ErrInput, "body: expected a CSV table with a header")
	}
	texts := make([]bool, len(header)) // columns that hold text
	out := append(make([]byte, 0, 2*len(body)+64), `{"dataframe_split": {"columns": [`...)
	for i, name := range header {
		if i > 0 {
			out = append(out, ',')
		}
		out = jsontensor.AppendString(out, name)
		for _, in := range sig.Inputs {
			texts[i] = texts[i] || in.DType == tensor.String && (in.Name == name || slices.Contains(in.Columns, name))
		}
	}
	out = append(out, `], "data": [`...)
	for row := 0; ; row++ {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return append(out, "]}}"...), nil
		}
		if err != nil {
			return nil, server.Fail(graph.ErrInput, "body: %v", err)
		}
		if row > 0 {
			out = append(out, ',')
		}
		for i, cell := range record {
			out = append(out, "[,"[min(i, 1)])
			if texts[i] {
				out = jsontensor.AppendString(out, cell)
				continue
			}
			if out, err = appendCell(out, strings.TrimSpace(cell)); err != nil {
				return nil, server.Fail(graph.ErrInput, "body: row %d, column %q: expected a number, found %.32q", row, header[i], cell)
			}
		}
		out = append(out, ']')
	}
}

// appendCell writes a cell of a column that is not text: a number, a truth value, or null where it is empty.
func appendCell(out []byte, cell string) ([]byte, error) {
	switch strings.ToLower(cell) {
	case "":
		return append(out, "null"...), nil
	case "true", "false":
		return append(out, strings.ToLower(cell)...), nil
	}
	if n, err := strconv.ParseInt(cell, 10, 64); err == nil {
		return strconv.AppendInt(out, n, 10), nil
	}
	v, err := strconv.ParseFloat(cell, 64)
	switch {
	case err != nil:
		return out, err
	case math.IsNaN(v):
		return append(out, "NaN"...), nil
	case math.IsInf(v, 1):
		return append(out, "Infinity"...), nil
	case math.IsInf(v, -1):
		return append(out, "-Infinity"...), nil
	}
	return strconv.AppendFloat(out, v, 'g', -1, 64), nil
}
