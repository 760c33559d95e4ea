package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/hotpath/hotpath/graph/tensor"
)

// TestCodecKeepsEverything: every field of a model survives. A field that is added and not written fails here.
func TestCodecKeepsEverything(t *testing.T) {
	var l lowered
	count := 0
	filled(reflect.ValueOf(&l.inputs).Elem(), &count, 0)
	filled(reflect.ValueOf(&l.outputs).Elem(), &count, 0)
	filled(reflect.ValueOf(&l.metadata).Elem(), &count, 0)
	filled(reflect.ValueOf(&l.graph).Elem(), &count, 0)
	if count < 100 {
		t.Fatalf("%d values, expected more", count)
	}
	w := codec{numbers: map[*tensor.Tensor]int{}}
	w.lowered(&l)
	r := codec{reading: true, data: w.data}
	for _, x := range w.tensors {
		h := codec{}
		h.header(x)
		back := &tensor.Tensor{}
		read := codec{reading: true, data: h.data}
		if read.header(back); read.err != nil || len(read.data) > 0 {
			t.Fatalf("%d bytes left of a tensor: %v", len(read.data), read.err)
		}
		back.Bytes = x.Bytes
		r.tensors = append(r.tensors, back)
	}
	var got lowered
	if r.lowered(&got); r.err != nil || len(r.data) > 0 {
		t.Fatalf("%d bytes left: %v", len(r.data), r.err)
	}
	if !reflect.DeepEqual(l, got) {
		t.Errorf("wrote %+v\nread %+v", l, got)
	}
	for n := range w.data { // what is cut off is an error, not a panic
		cut := codec{reading: true, data: w.data[:n], tensors: r.tensors}
		if cut.lowered(new(lowered)); cut.err == nil {
			t.Fatalf("%d of %d bytes gave no error", n, len(w.data))
		}
	}
}

// filled gives every field of v a value of its own.
func filled(v reflect.Value, count *int, depth int) {
	*count++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint("text", *count))
	case reflect.Float32:
		v.SetFloat(float64(*count))
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*count))
	case reflect.Uint8:
		v.SetUint(uint64(*count % 200))
	case reflect.Struct:
		for i := range v.NumField() {
			filled(v.Field(i), count, depth)
		}
	case reflect.Pointer:
		if depth < 2 {
			v.Set(reflect.New(v.Type().Elem()))
			filled(v.Elem(), count, depth+1)
		}
	case reflect.Slice:
		if depth < 2 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			for i := range v.Len() {
				filled(v.Index(i), count, depth+1)
			}
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		if depth < 2 {
			for range 2 {
				key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				filled(key, count, depth)
				filled(value, count, depth+1)
				v.SetMapIndex(key, value)
			}
		}
	default:
		panic(v.Kind().String())
	}
}

// TestMakeRoom: the files used longest ago go, and what writers left that died.
func TestMakeRoom(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := &cache{root: root}
	defer c.close()
	now := time.Now()
	put := func(name string, bytes int, age time.Duration) {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, bytes), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, name), now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	put("oldest.plan", 100, 4*time.Hour)
	put("older.plan", 100, 3*time.Hour)
	put("new.plan", 100, time.Minute)
	put("dead.tmp", 1000, 2*time.Hour)
	put("alive.tmp", 50, time.Second)
	c.touch("oldest.plan")
	c.makeRoom(250)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"alive.tmp", "new.plan", "oldest.plan"}; !slices.Equal(names, want) {
		t.Errorf("left are %v, expected %v", names, want)
	}
	if err := c.write("huge.plan", maxCacheBytes+1, nil); err == nil {
		t.Error("a plan larger than the cache was written")
	}
}
