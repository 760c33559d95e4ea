package train

import (
	"errors"
	"strings"
	"testing"

	"github.com/hotpath/hotpath/loader/table"
)

// TestEvaluateByPosition: a table without a header is read in the order of the training table.
func TestEvaluateByPosition(t *testing.T) {
	cancer := open(t, cancerCSV)
	m := fit(t, cancer, Spec{Model: "linear", Target: "diagnosis"}, Options{}).Model
	want, err := Evaluate(m, cancer, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	bare := *cancer
	bare.Named = false
	bare.Columns = append([]table.Column(nil), cancer.Columns...)
	for i := range bare.Columns {
		bare.Columns[i].Name = "column_" + string(rune('a'+i))
	}
	got, err := Evaluate(m, &bare, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Accuracy != want.Accuracy || got.Rows != want.Rows {
		t.Errorf("accuracy %v of %d rows by position, %v of %d by name", got.Accuracy, got.Rows, want.Accuracy, want.Rows)
	}
	bare.Columns = bare.Columns[1:]
	if _, err := Evaluate(m, &bare, "", nil); !errors.Is(err, ErrData) {
		t.Errorf("a column less: %v", err)
	}
}

func TestEvaluateErrors(t *testing.T) {
	m := fit(t, read(t, "a,b,y\n1,2,x\n2,3,y\n3,4,x\n4,5,y\n"), Spec{Model: "linear", Target: "y"}, Options{}).Model
	for _, c := range []struct {
		name, text string
		is         error
		says       string
	}{
		{"no target", "a,b\n1,2\n", table.ErrColumn, `"y"`},
		{"no feature", "a,y\n1,x\n", table.ErrColumn, `"b"`},
		{"new class", "a,b,y\n1,2,z\n", ErrData, `"z"`},
		{"text", "a,b,y\n1,no,x\n", ErrData, "expected numbers"},
		{"missing", "a,b,y\n1,,x\n2,3,y\n", ErrData, "row 1"},
		{"no target values", "a,b,y\n1,2,\n", ErrData, "missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tab, err := table.Read("e.csv", []byte(c.text), table.Options{Header: table.HeaderYes})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Evaluate(m, tab, "", nil); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, expected one that wraps %q and says %q", err, c.is, c.says)
			}
		})
	}
}
