package kserve_test

import (
	"strconv"
	"testing"

	"github.com/hotpath/hotpath/server/servertest"
)

// TestTheSameJSONAgain sends requests to one model whose JSON is that of the one before, or nearly: each is answered by what it
// says itself.
func TestTheSameJSONAgain(t *testing.T) {
	url := start(t).URL() + "/v2/models/sum/infer"
	inputs := func(name, size string) string {
		return `"inputs":[{"name":"` + name + `","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":` + size + `}}]`
	}
	answer := func(id, value string) string {
		return `{"model_name":"sum","model_version":"1",` + id + `"outputs":[{"name":"output","datatype":"FP32","shape":[1,1],"data":[` + value + `]}]}`
	}
	plain := `{` + inputs("input", "8") + `}`
	escaped := `{"id":"a\u0062\"",` + inputs(`in\u0070ut`, "8") + `}`
	for i, c := range []struct{ json, rest, want string }{
		{plain, floats(1, 2), answer("", "3")},
		{plain, floats(3, 4), answer("", "7")},
		{plain, floats(3, 4) + "x", `{"error": "unexpected additional input data for model 'sum': 1 bytes behind the last tensor"}`},
		{plain, floats(5, 6), answer("", "11")},
		{plain, floats(5), `{"error": "inputs[0].parameters.binary_data_size: larger than what is left of the body"}`},
		{escaped, floats(1, 1), answer(`"id":"ab\"",`, "2")},
		{escaped, floats(1, 2), answer(`"id":"ab\"",`, "3")},
		{`{"id":"",` + inputs("input", "8") + `}`, floats(2, 2), answer(`"id":"",`, "4")},
		{`{"id":"",` + inputs("input", "8") + `}`, floats(2, 3), answer(`"id":"",`, "5")},
		{plain, floats(7, 8), answer("", "15")},
		{"", floats(1, 9), ""}, // raw: the answer is binary
		{plain, floats(7, 9), answer("", "16")},
		{`{"inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","data":[1,5]}]}`, "", answer("", "6")},
		{`{"inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","data":[1,5]}]}`, "x",
			`{"error": "unexpected additional input data for model 'sum': 1 bytes behind the last tensor"}`},
		{plain, floats(8, 9), answer("", "17")},
	} {
		_, got, _ := servertest.Send(t, "POST", url, c.json+c.rest, header, strconv.Itoa(len(c.json)))
		if c.want != "" && got != c.want && got != c.want+"\n" {
			t.Errorf("request %d: %s, want %s", i, got, c.want)
		}
	}
}
