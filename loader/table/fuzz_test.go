package table

import "testing"

// FuzzRead: no bytes may crash the reader, and what it accepts is rectangular and finite.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,2\n", "\xef\xbb\xbfa;b\r\n\"x\"\"y\";?\r\n", "{\"a\":1}\n{\"b\":\"x\"}\n", "1\t2\n3\t4", "\"", "\"a\"\r", "a,b\n1,inf\n",
		"\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }        \n\x00\x00\x80\x3f",
	} {
		f.Add([]byte(seed), uint8(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, header uint8) {
		tab, err := Read("f", data, Options{Header: Header(header % 3), Limits: Limits{Rows: 1000, Columns: 100, CellBytes: 1000, Cells: 10_000}})
		if err != nil {
			return
		}
		if tab.Rows < 1 || len(tab.Columns) < 1 {
			t.Fatalf("%d rows, %d columns", tab.Rows, len(tab.Columns))
		}
		names := map[string]bool{}
		for i := range tab.Columns {
			c := &tab.Columns[i]
			if names[c.Name] {
				t.Fatalf("column %q twice", c.Name)
			}
			names[c.Name] = true
			if len(c.Numbers)+len(c.Text) != tab.Rows {
				t.Fatalf("column %q has %d cells, expected %d", c.Name, len(c.Numbers)+len(c.Text), tab.Rows)
			}
			for _, v := range c.Numbers {
				if v-v != 0 && v == v {
					t.Fatalf("column %q holds an infinity", c.Name)
				}
			}
		}
	})
}
