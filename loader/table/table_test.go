package table

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func mustRead(t *testing.T, text string, opt Options) *Table {
	t.Helper()
	got, err := Read("t.csv", []byte(text), opt)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func column(t *testing.T, tab *Table, name string) *Column {
	t.Helper()
	i, err := tab.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return &tab.Columns[i]
}

func equalNumbers(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return x == y || x != x && y != y })
}

func TestCSVTorture(t *testing.T) {
	nan := float32(math.NaN())
	tab := mustRead(t, "\xef\xbb\xbfid, \"na\"\"me\",\"multi\r\nline\",v\r\n"+
		"1,\"a,b\",\"x\ny\",2.5\r\n"+
		"\r\n"+
		"NA,plain,\"say \"\"hi\"\"\",-1e-3\r\n"+
		"3, spaced ,,?\r\n"+
		"4,\" kept \",z,nan", Options{})
	if !tab.Named || tab.Rows != 4 || len(tab.Columns) != 4 {
		t.Fatalf("named %v, %d rows, %d columns", tab.Named, tab.Rows, len(tab.Columns))
	}
	if got := column(t, tab, "id").Numbers; !equalNumbers(got, []float32{1, nan, 3, 4}) {
		t.Errorf("id: %v", got)
	}
	if got := column(t, tab, `na"me`).Text; !slices.Equal(got, []string{"a,b", "plain", "spaced", " kept "}) {
		t.Errorf("name: %q", got)
	}
	if got := column(t, tab, "multi\r\nline").Text; !slices.Equal(got, []string{"x\ny", `say "hi"`, "", "z"}) {
		t.Errorf("multi: %q", got)
	}
	if got := column(t, tab, "v").Numbers; !equalNumbers(got, []float32{2.5, -1e-3, nan, nan}) {
		t.Errorf("v: %v", got)
	}
}

func TestSniffing(t *testing.T) {
	for _, c := range []struct {
		name, text string
		named      bool
		columns    []string
	}{
		{"comma", "a,b\n1,2\n", true, []string{"a", "b"}},
		{"semicolon", "\"fixed acidity\";\"q\"\n7.4;5\n7.8;5\n", true, []string{"fixed acidity", "q"}},
		{"tab", "a\tb c\n1\t2\n", true, []string{"a", "b c"}},
		{"no header", "1,2\n3,4\n", false, []string{"column_0", "column_1"}},
		{"no header, text target", "5.1,setosa\n4.9,setosa\n", false, []string{"column_0", "column_1"}},
		{"no header, missing first", "?,2\n3,4\n", false, []string{"column_0", "column_1"}},
		{"text only with header", "color,size\nred,big\nblue,small\n", true, []string{"color", "size"}},
		{"text only without header", "red,big\nblue,small\nred,small\n", false, []string{"column_0", "column_1"}},
		{"empty and repeated names", "a,,a\n1,2,3\n", true, []string{"a", "column_1", "a.1"}},
		{"one column", "x\n1\n2\n", true, []string{"x"}},
		{"commas in quotes", "a;b\n\"1,5\";2\n\"x,y,z\";3\n", true, []string{"a", "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tab := mustRead(t, c.text, Options{})
			var names []string
			for _, col := range tab.Columns {
				names = append(names, col.Name)
			}
			if tab.Named != c.named || !slices.Equal(names, c.columns) {
				t.Errorf("named %v, columns %q; expected %v, %q", tab.Named, names, c.named, c.columns)
			}
		})
	}
	if tab := mustRead(t, "1,2\n3,4\n", Options{Header: HeaderYes}); tab.Rows != 1 || tab.Columns[1].Name != "2" {
		t.Errorf("HeaderYes: %+v", tab)
	}
	if tab := mustRead(t, "a,b\n3,4\n", Options{Header: HeaderNo}); tab.Rows != 2 || tab.Columns[0].Numeric() {
		t.Errorf("HeaderNo: %+v", tab)
	}
}

func TestCSVErrors(t *testing.T) {
	for _, c := range []struct {
		name, text string
		is         error
		says       string
	}{
		{"empty", " \n", ErrSyntax, "empty"},
		{"header only", "a,b\n", ErrSyntax, "rows"},
		{"ragged", "a,b\n1,2\n1,2,3\n", ErrSyntax, "line 3: expected 2 cells"},
		{"ragged after a line break in quotes", "a,b\n\"1\n\n\",2\n1\n", ErrSyntax, "line 5"},
		{"open quote", "a,b\n1,\"2\n", ErrSyntax, "line 2 column 2"},
		{"text after quote", "a,b\n\"1\"x,2\n", ErrSyntax, "'x'"},
		{"infinity", "a,b\n1,inf\n2,3\n", ErrValue, `line 2 column "b"`},
		{"overflow", "a,b\n1,1e39\n2,3\n", ErrValue, "finite"},
		{"rows", "a\n1\n2\n3\n4\n5\n", ErrLimit, "4 rows"},
		{"columns", "a,b,c,d,e,f\n1,2,3,4,5,6\n", ErrLimit, "5 columns"},
		{"cell", "a,b\n1,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n", ErrLimit, "cell"},
		{"bytes", strings.Repeat("1,2\n", 300), ErrLimit, "bytes"},
		{"json nested", `{"a":[1]}`, ErrValue, `line 1 column "a"`},
		{"json twice", `{"a":1,"a":2}`, ErrSyntax, "twice"},
		{"json two on a line", `{"a":1}{"a":2}`, ErrSyntax, "more after"},
		{"json cut", `{"a":1`, ErrSyntax, "line 1"},
		{"json overflow", `{"a":1e999}`, ErrValue, "finite"},
		{"npy", "\x93NUMPY\x01\x00", nil, "t.csv"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read("t.csv", []byte(c.text), Options{Limits: Limits{Bytes: 1000, Rows: 4, Columns: 5, CellBytes: 30}})
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, expected one that wraps %v and says %q", err, c.is, c.says)
			}
		})
	}
}

func TestJSONL(t *testing.T) {
	nan := float32(math.NaN())
	tab := mustRead(t, "{\"x\":1,\"t\":\"red\"}\n\n{\"t\":null,\"y\":true,\"x\":2.5}\r\n{\"m\":1}\n{\"m\":\"a\"}", Options{})
	if tab.Rows != 4 || len(tab.Columns) != 4 {
		t.Fatalf("%d rows, %d columns", tab.Rows, len(tab.Columns))
	}
	if got := column(t, tab, "x").Numbers; !equalNumbers(got, []float32{1, 2.5, nan, nan}) {
		t.Errorf("x: %v", got)
	}
	if got := column(t, tab, "t").Text; !slices.Equal(got, []string{"red", "", "", ""}) {
		t.Errorf("t: %q", got)
	}
	if got := column(t, tab, "y").Text; !slices.Equal(got, []string{"", "true", "", ""}) {
		t.Errorf("y: %q", got)
	}
	if got := column(t, tab, "m").Text; !slices.Equal(got, []string{"", "", "1", "a"}) {
		t.Errorf("m: %q", got)
	}
}

func TestOpenAndFind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.csv")
	if err := os.WriteFile(path, []byte("a,7\n1,2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	tab, err := Open(path, Options{Header: HeaderYes})
	if err != nil {
		t.Fatal(err)
	}
	if tab.Digest != "51b6389f736fea2dff1a43e5b1231859245132063c68e0796576f0044bfebb97" {
		t.Errorf("digest %q", tab.Digest)
	}
	for ref, want := range map[string]int{"a": 0, "7": 1, "-1": 1, "0": 0} {
		if got, err := tab.Find(ref); err != nil || got != want {
			t.Errorf("Find(%q) = %d, %v; expected %d", ref, got, err, want)
		}
	}
	for _, ref := range []string{"b", "2", "-3", ""} {
		if _, err := tab.Find(ref); !errors.Is(err, ErrColumn) {
			t.Errorf("Find(%q): %v", ref, err)
		}
	}
	if _, err := Open(path+".none", Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}
