package server

import "testing"

// TestRouterFindsByTheEnd has paths whose last part is that of a pattern, of another, of none, in another case, or too long.
func TestRouterFindsByTheEnd(t *testing.T) {
	rt, err := newRouter([]Route{
		{Method: "GET", Path: "/m/{a}"},
		{Method: "GET", Path: "/m/{a}/infer"},
		{Method: "GET", Path: "/M/{a}:Predict", Fold: true},
		{Method: "GET", Path: "/m/{a}/v/{b}/infer"},
		{Method: "GET", Path: "/m/{a}/a-part-that-is-longer-than-what-is-compared"},
		{Method: "GET", Path: "/files/{*}"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/m/x": "/m/{a}", "/m/infer": "/m/{a}", "/m/x/infer": "/m/{a}/infer", "/m/x/v/1/infer": "/m/{a}/v/{b}/infer",
		"/m/x/Infer": "", "/m/x:predict": "/M/{a}:Predict", "/M/x:PREDICT": "/M/{a}:Predict", "/m/x:y": "", "/m//infer": "",
		"/files/a/infer": "/files/{*}", "/files/": "/files/{*}", "/files/a:b": "/files/{*}", "infer": "", "": "",
		"/m/x/a-part-that-is-longer-than-what-is-compared": "/m/{a}/a-part-that-is-longer-than-what-is-compared",
	} {
		var params [maxParams][]byte
		found := ""
		if r, _ := rt.find([]byte("GET"), []byte(path), &params); r != nil {
			found = r.Path
		}
		if found != want {
			t.Errorf("%s finds %q, want %q", path, found, want)
		}
	}
}
