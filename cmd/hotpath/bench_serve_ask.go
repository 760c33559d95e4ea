package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
)

// asked makes a request of --protocol from what the server says of the model.
func (c *benchServeCmd) asked(u *url.URL) (path string, headers []string, body []byte, err error) {
	if len(c.Body) > 0 || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return "", nil, nil, fmt.Errorf("--body, or a URL with a path, beside --protocol, which makes them: %w", errUsage)
	}
	if c.Rows < 0 {
		return "", nil, nil, fmt.Errorf("--rows %d: expected 1 or more: %w", c.Rows, errUsage)
	}
	base := u.Scheme + "://" + u.Host
	if c.Model == "" {
		if c.Model, err = c.onlyModel(base); err != nil {
			return "", nil, nil, err
		}
	}
	p := protocols[c.Protocol]
	named := func(path string) string {
		return fmt.Sprintf(path, strings.ReplaceAll(url.QueryEscape(c.Model), "+", "%20"))
	}
	text, err := c.fetch(http.MethodGet, base+named(p.metadata))
	if err != nil {
		return "", nil, nil, err
	}
	inputs, err := p.inputs(text)
	if err == nil && len(inputs) == 0 {
		err = fmt.Errorf("the model has no inputs")
	}
	if err != nil {
		return "", nil, nil, fmt.Errorf("metadata of %s: %w", c.Model, err)
	}
	values, err := c.values(inputs)
	if err != nil {
		return "", nil, nil, err
	}
	if err := p.check(c.Protocol, inputs, values); err != nil {
		return "", nil, nil, err
	}
	headers, body = p.body(inputs, values)
	return named(p.path), headers, body, nil
}

// values reads the inputs, or makes them in the shapes asked for.
func (c *benchServeCmd) values(inputs []graph.Input) (values []*tensor.Tensor, err error) {
	if c.Input != "" {
		if len(c.Shape) > 0 || c.Rows > 0 {
			return nil, fmt.Errorf("--shape or --rows beside --input: expected one of them: %w", errUsage)
		}
		return readArrays(c.Input, &graph.Signature{Inputs: inputs})
	}
	shapes, err := parseShapes(c.Shape, inputs)
	if err != nil {
		return nil, err
	}
	for _, in := range inputs {
		shape := shapeOf(in, c.Rows, shapes)
		if n, ok := tensor.Elements(shape); !ok || n > maxElements {
			return nil, fmt.Errorf("input %q of shape %v is too large: %w", in.Name, shape, errUsage)
		}
		x := tensor.New(in.DType, shape...)
		fill(x)
		values = append(values, x)
	}
	return values, nil
}

// onlyModel asks which models there are.
func (c *benchServeCmd) onlyModel(base string) (string, error) {
	text, err := c.fetch(http.MethodPost, base+"/v2/repository/index")
	if err != nil {
		return "", fmt.Errorf("which models are there: %w; name one with --model", err)
	}
	var models []struct{ Name string }
	if err := json.Unmarshal(text, &models); err != nil {
		return "", fmt.Errorf("/v2/repository/index: %w", err)
	}
	var names []string
	for _, m := range models {
		if len(names) == 0 || names[len(names)-1] != m.Name { // one entry per version
			names = append(names, m.Name)
		}
	}
	if len(names) != 1 {
		return "", fmt.Errorf("the server has the models %q, expected one of them in --model: %w", names, errUsage)
	}
	return names[0], nil
}

// fetch is one request that is not measured.
func (c *benchServeCmd) fetch(method, url string) ([]byte, error) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: c.Insecure}}} //nolint:gosec // asked for by name
	return fetch(client, method, url, c.Key, 16<<20)
}
