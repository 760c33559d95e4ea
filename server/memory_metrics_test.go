package server_test

import (
	"regexp"
	"strconv"
	"testing"

	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/servertest"
)

// TestMemoryIsToldPerVersion has two versions, one of which answers requests.
func TestMemoryIsToldPerVersion(t *testing.T) {
	dir := t.TempDir()
	servertest.Put(t, dir+"/m", "1", servertest.Model(3, 1))
	servertest.Put(t, dir+"/m", "2", servertest.Model(3, 2))
	s := servertest.Start(t, server.Config{APIs: apis, Sources: []server.Source{server.Dir{Path: dir}}, Policy: server.Policy{All: true}})
	var text string
	told := func(version, kind string) float64 {
		m := regexp.MustCompile(`hotpath_model_memory_bytes{kind="` + kind + `",model="m",version="` + version + `"} (\S+)`).FindStringSubmatch(text)
		if m == nil {
			return -1
		}
		v, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	eventually(t, "both versions are loaded, and one has buffers", func() bool {
		call(t, "POST", s.URL()+"/predict", goodBody)
		_, text, _ = call(t, "GET", s.URL()+"/metrics", "")
		return told("1", "weights") >= 0 && told("2", "buffers") >= 4*4
	})
	for _, w := range []struct {
		version, kind string
		least, most   float64
	}{{"1", "weights", 42, 42}, {"2", "weights", 42, 42}, {"2", "buffers", 4 * 4, 1 << 20}, {"2", "arenas", 0, 0}} {
		if v := told(w.version, w.kind); v < w.least || v > w.most {
			t.Errorf("%s of version %s: %g, expected %g to %g", w.kind, w.version, v, w.least, w.most)
		}
	}
}
