// Package predict is hotpath's own wire format, the one that tutorials use:
//
//	POST /predict[?model=NAME&version=N]   {"input_data": [[…], …]}   →   {"prediction": […]}
//
// A row is a list of values in column order, or an object by column name, or the nested lists of one instance. The
// answer has one entry per row: a number where the model's output has one value, else a list.
package predict

import (
	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/jsontensor"
)

// API is the wire format.
type API struct{}

// Routes implements server.API.
func (API) Routes() []server.Route {
	return []server.Route{{Method: "POST", Path: "/predict", Right: server.Predict, Handle: predict, Doc: server.Doc{
		Summary: "Answer rows: one entry of prediction for each",
		Query:   server.AskedQuery,
		Headers: map[string]string{"X-Hotpath-Key": "places the caller where requests are split between versions"},
		Body: func(s *graph.Signature) server.Schema {
			return server.Object(map[string]server.Schema{"input_data": jsontensor.RowsSchema(s)}, "input_data")
		},
		Answer: server.Object(map[string]server.Schema{"prediction": server.List(server.Values(), 1)}, "prediction"),
		Errors: server.RunsModel,
	}}}
}

var style = jsontensor.Style{Comma: ","}

func predict(r *server.Request) error {
	engine, err := r.Asked()
	if err != nil {
		return err
	}
	body, err := r.Body()
	if err != nil {
		return err
	}
	s, err := r.Begin(engine)
	if err != nil {
		return err
	}
	if err := decode(s, body); err != nil {
		return err
	}
	if err := r.Run(s); err != nil {
		return err
	}
	r.Out = append(r.Out, `{"prediction": `...)
	r.Out = style.AppendRows(r.Out, s.Outputs[engine.Signature.Answer()])
	r.Out = append(r.Out, "}\n"...)
	r.ReplyJSON(r.Out)
	return nil
}

// decode reads the body into the inputs of s.
func decode(s *server.Session, body []byte) error {
	c, err := jsontensor.Use(&s.Scratch, s.Engine.Signature)
	if err != nil {
		return err
	}
	c.Reset(body, jsontensor.Options{})
	if err := c.Object(); err != nil {
		return err
	}
	seen := false
	for first := true; ; first = false {
		key, ok, err := c.Key(first)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		switch {
		case string(key) != "input_data":
			return c.Fail(`unknown key, expected "input_data"`)
		case seen:
			return c.Fail("the key occurs twice")
		}
		seen = true
		if _, err := c.Rows(s.Inputs); err != nil {
			return err
		}
	}
	if !seen {
		return c.Fail(`the key "input_data" is missing, expected {"input_data": [[…], …]}`)
	}
	return c.End()
}
