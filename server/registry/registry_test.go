package registry

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func publish(t *testing.T, s *Store, name, label, data string) Version {
	t.Helper()
	v, err := tryPublish(s, name, label, data)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func tryPublish(s *Store, name, label, data string) (Version, error) {
	b, err := s.Stage(strings.NewReader(data), 1<<20)
	if err != nil {
		return Version{}, err
	}
	defer b.Discard()
	return s.Publish(Publication{Name: name, Label: label, Model: b, Provenance: map[string]string{"accuracy": "0.97"}})
}

func TestPublishListShow(t *testing.T) {
	s := New(t.TempDir())
	if models, err := s.List(); err != nil || len(models) != 0 {
		t.Errorf("empty registry: %v %v", models, err)
	}
	publish(t, s, "a", "stable", "one")
	v2 := publish(t, s, "a", "", "two")
	publish(t, s, "b", "", "one")
	m, err := s.Show("a")
	if err != nil || len(m.Versions) != 2 || m.Labels["stable"] != 1 || m.Versions[1].Digest != Digest([]byte("two")) ||
		m.Versions[0].Provenance["accuracy"] != "0.97" || v2.Number != 2 {
		t.Errorf("%+v %v", m, err)
	}
	if data, err := s.Blob(v2.Digest); err != nil || string(data) != "two" {
		t.Errorf("%q %v", data, err)
	}
	if _, err := s.Show("none"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if models, err := s.List(); err != nil || len(models) != 2 {
		t.Errorf("%v %v", models, err)
	}
}

// TestRootInStoreOfAnother: what root publishes into the store of a service belongs to the user of the service, who can read it.
func TestRootInStoreOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to others")
	}
	const uid, gid = 12345, 23456
	dir := t.TempDir()
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	s := New(dir)
	if _, _, err := s.CreateKey("test", Predict); err != nil {
		t.Fatal(err)
	}
	publish(t, s, "m", "", "one")
	n := 0
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		n++
		if own := info.Sys().(*syscall.Stat_t); own.Uid != uid || own.Gid != gid {
			t.Errorf("%s belongs to %d:%d", path, own.Uid, own.Gid)
		}
		return nil
	})
	if err != nil || n != 6 { // the directory, the database, tmp, blobs, blobs/sha256 and a blob
		t.Errorf("%d files, %v", n, err)
	}
	if err := os.Rename(s.dbPath(), filepath.Join(t.TempDir(), "kept")); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Symlink(elsewhere, s.dbPath()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.CreateKey("test", Predict); err == nil {
		t.Error("a link in the place of the database was followed")
	}
	if _, err := os.Lstat(elsewhere); err == nil {
		t.Error("a file was made elsewhere")
	}
}

func TestNames(t *testing.T) {
	s := New(t.TempDir())
	for _, name := range []string{"", ".", "..", "../x", "a/b", "a\nb", "a\r\nX: y", "ä", "-x", strings.Repeat("a", 129), "a b", "a:b"} {
		if _, err := tryPublish(s, name, "", "x"); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, d := range []string{"", "../../etc/passwd", strings.Repeat("A", 64), strings.Repeat("a", 63)} {
		if _, err := s.Blob(d); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", d, err)
		}
	}
}

func TestLabelsAndRollback(t *testing.T) {
	s := New(t.TempDir())
	for i := range 3 {
		publish(t, s, "m", "stable", fmt.Sprint(i))
	}
	for _, want := range []int64{2, 1} {
		if v, err := s.Rollback("m", "stable"); err != nil || v != want {
			t.Errorf("rolled back to %d, %v; want %d", v, err, want)
		}
	}
	if _, err := s.Rollback("m", "stable"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := s.Label("m", "canary", 9); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := s.Label("m", "canary", 3); err != nil {
		t.Error(err)
	}
}

func TestDelete(t *testing.T) {
	s := New(t.TempDir())
	one := publish(t, s, "m", "", "one")
	publish(t, s, "m", "stable", "two")
	publish(t, s, "other", "", "one")
	if err := s.Delete("m", 2); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	if err := s.Delete("m", 1); err != nil {
		t.Error(err)
	}
	if _, err := s.Blob(one.Digest); err != nil {
		t.Errorf("bytes that another model refers to are gone: %v", err)
	}
	if v := publish(t, s, "m", "", "three"); v.Number != 3 {
		t.Errorf("version number %d, want 3: numbers are never reused", v.Number)
	}
	if err := s.Delete("m", 0); err != nil {
		t.Error(err)
	}
	if err := s.Delete("other", 0); err != nil {
		t.Error(err)
	}
	if _, err := s.Blob(one.Digest); !errors.Is(err, ErrNotFound) {
		t.Errorf("unused bytes are still there: %v", err)
	}
	if r, err := s.Verify(Access{}); err != nil || len(r.Problems)+len(r.Orphans) != 0 {
		t.Errorf("%+v %v", r, err)
	}
}

// TestRG01CrashBetweenSteps stops a publisher after each step. Whoever opens the registry next sees the version whole
// or not at all, and can go on publishing.
func TestRG01CrashBetweenSteps(t *testing.T) {
	var steps []string
	probe := New(t.TempDir())
	probe.fault = func(step string) error { steps = append(steps, step); return nil }
	publish(t, probe, "m", "stable", "x")
	if len(steps) < 6 {
		t.Fatalf("steps %v", steps)
	}
	for i, at := range steps {
		t.Run(at, func(t *testing.T) {
			s := New(t.TempDir())
			publish(t, s, "m", "stable", "old")
			func() {
				defer func() { _ = recover() }()
				left := i
				dying := New(s.Dir())
				dying.fault = func(string) error {
					if left--; left < 0 {
						panic("crash")
					}
					return nil
				}
				_, _ = tryPublish(dying, "m", "stable", "new")
			}()
			m, err := s.Show("m")
			if err != nil {
				t.Fatal(err)
			}
			acknowledged := at == "committed"
			if n := len(m.Versions); n != 1 && !(acknowledged && n == 2) || m.Labels["stable"] != int64(n) {
				t.Errorf("%d versions, labels %v", n, m.Labels)
			}
			r, err := s.Verify(Access{})
			if err != nil || len(r.Problems) != 0 {
				t.Errorf("%+v %v", r, err)
			}
			if err := s.Check(); err != nil {
				t.Error(err)
			}
			v := publish(t, s, "m", "stable", "new")
			if data, err := s.Blob(v.Digest); err != nil || string(data) != "new" {
				t.Errorf("after the crash: %q %v", data, err)
			}
		})
	}
}

// TestRG04BitFlip changes bytes at rest: they are never handed out, and Verify names the version.
func TestRG04BitFlip(t *testing.T) {
	s := New(t.TempDir())
	v := publish(t, s, "m", "", "some bytes")
	path := s.blobPath(v.Digest)
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("some bytet"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Blob(v.Digest); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
	if r, err := s.Verify(Access{}); err != nil || len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "m version 1") {
		t.Errorf("%+v %v", r, err)
	}
	publish(t, s, "m", "", "some bytes") // publishing the same bytes again repairs them
	if _, err := s.Blob(v.Digest); err != nil {
		t.Error(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Blob(v.Digest); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// TestRG05ConcurrentPublishers publishes from many stores on one directory: every number once, none lost.
func TestRG05ConcurrentPublishers(t *testing.T) {
	dir := t.TempDir()
	const publishers, each = 4, 10
	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			for i := range each {
				if _, err := tryPublish(New(dir), "m", "stable", fmt.Sprintf("%d %d", p, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	m, err := New(dir).Show("m")
	if err != nil || len(m.Versions) != publishers*each {
		t.Fatalf("%d versions, %v", len(m.Versions), err)
	}
	for i, v := range m.Versions {
		if v.Number != int64(i+1) {
			t.Errorf("version %d at %d", v.Number, i)
		}
	}
}

// TestRG09Garbage opens registries that are not one: an error, never a panic.
func TestRG09Garbage(t *testing.T) {
	good := New(t.TempDir())
	publish(t, good, "m", "", "x")
	db, err := os.ReadFile(good.dbPath())
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"text": []byte(strings.Repeat("not a database ", 1000)), "short": []byte("x"), "zeros": make([]byte, 64<<10),
	} {
		s := New(t.TempDir())
		if err := os.WriteFile(s.dbPath(), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.List(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for n := 0; n < len(db); n += 1111 { // cut anywhere: an error, or what is left is sound
		s := New(t.TempDir())
		if err := os.WriteFile(s.dbPath(), db[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if models, err := s.List(); err == nil && (len(models) != 1 || models[0].Versions[0].Digest != Digest([]byte("x"))) {
			t.Errorf("cut at %d: %v", n, models)
		}
		_, _ = tryPublish(s, "m", "", "y")
	}
	if err := os.WriteFile(filepath.Join(good.Dir(), "stray"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := good.List(); err != nil {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	s := New(t.TempDir())
	secret, k, err := s.CreateKey("ci", Predict)
	if err != nil || len(secret) < 40 {
		t.Fatal(secret, err)
	}
	other, _, err := s.CreateKey("", Admin)
	if err != nil || other == secret {
		t.Fatal(err)
	}
	keys, err := s.Keys()
	if err != nil || len(keys) != 2 {
		t.Fatal(keys, err)
	}
	for _, got := range keys {
		if got.ID == k.ID && (got.Hash != HashKey([]byte(secret)) || got.Scope != Predict || got.Name != "ci") {
			t.Errorf("%+v", got)
		}
	}
	db, err := os.ReadFile(s.dbPath())
	if err != nil || strings.Contains(string(db), secret) || strings.Contains(string(db), secret[3:]) {
		t.Error("the key itself is in the database", err)
	}
	if info, err := os.Stat(s.dbPath()); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if err := s.Revoke(k.ID); err != nil {
		t.Error(err)
	}
	if err := s.Revoke(k.ID); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, _, err := s.CreateKey("", "root"); !errors.Is(err, ErrName) {
		t.Error(err)
	}
}

// TestRefusedFirstChange leaves an empty registry, not one that cannot be read.
func TestRefusedFirstChange(t *testing.T) {
	s := New(t.TempDir())
	if err := s.Delete("none", 0); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if models, err := s.List(); err != nil || len(models) != 0 {
		t.Errorf("%v %v", models, err)
	}
	publish(t, s, "a", "", "one")
}

// TestPruneLeavesPublishersAlone removes what a dead publisher left, while others are at work at every stage: what they
// have staged, are about to refer to, and have published stays.
func TestPruneLeavesPublishersAlone(t *testing.T) {
	s := New(t.TempDir())
	if removed, err := s.Prune(); err != nil || len(removed) != 0 {
		t.Errorf("an empty registry: %v %v", removed, err)
	}
	publish(t, s, "m", "stable", "one")
	prune := func(at string, want ...string) {
		t.Helper()
		if removed, err := New(s.Dir()).Prune(); err != nil || !slices.Equal(removed, want) {
			t.Errorf("%s: %v %v, want %v", at, removed, err, want)
		}
	}
	staged, err := s.Stage(strings.NewReader("staged"), 10)
	if err != nil {
		t.Fatal(err)
	}
	prune("staged")
	r, w := io.Pipe()
	arrived := make(chan *Staged)
	go func() {
		b, err := s.Stage(r, 10)
		if err != nil {
			t.Error(err)
		}
		arrived <- b
	}()
	_, _ = w.Write([]byte("half"))
	prune("half written")
	w.Close()
	whole := <-arrived
	for _, b := range []*Staged{staged, whole} {
		if _, err := s.Publish(Publication{Name: "m", Model: b}); err != nil {
			t.Error(err)
		}
		prune("published, not let go")
		b.Discard()
	}
	dead, err := s.Stage(strings.NewReader("dead"), 10)
	if err != nil {
		t.Fatal(err)
	}
	dead.file.Close() // as the end of a process does
	orphan := Digest([]byte("orphan"))
	if err := os.WriteFile(s.blobPath(orphan), []byte("orphan"), 0o400); err != nil {
		t.Fatal(err)
	}
	prune("left over", orphan, filepath.Base(dead.path))
	if r, err := s.Verify(Access{}); err != nil || r.Versions != 3 || len(r.Problems)+len(r.Orphans) != 0 {
		t.Errorf("%+v %v", r, err)
	}
	// Publishers and Prune at once.
	var all sync.WaitGroup
	for p := range 4 {
		all.Go(func() {
			for i := range 5 {
				if _, err := tryPublish(New(s.Dir()), "m", "", fmt.Sprint(p, " ", i)); err != nil {
					t.Error(err)
				}
				if _, err := New(s.Dir()).Prune(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if r, err := s.Verify(Access{}); err != nil || r.Versions != 23 || len(r.Problems)+len(r.Orphans) != 0 {
		t.Errorf("%+v %v", r, err)
	}
}

// TestPublishSignedElsewhere takes a signature that was made where the key is: of this name, the next number and these
// bytes, and no other.
func TestPublishSignedElsewhere(t *testing.T) {
	s := New(t.TempDir())
	signer, trust := newSigner(t)
	_, others := newSigner(t)
	if m := publish(t, s, "m", "", "one"); m.Number != 1 {
		t.Fatal(m)
	}
	m, err := s.Show("m")
	if err != nil || m.Next != 2 {
		t.Fatalf("next is %d, %v", m.Next, err)
	}
	model := Digest([]byte("two"))
	for _, c := range []struct {
		what, name string
		number     int64
		digest     string
		trust      Trust
		want       error
	}{
		{"another model", "n", 2, model, trust, ErrSignature},
		{"other bytes", "m", 2, Digest([]byte("three")), trust, ErrSignature},
		{"another key", "m", 2, model, others, ErrSignature},
		{"the number before", "m", 1, model, trust, ErrInUse},
		{"a number to come", "m", 3, model, trust, ErrInUse},
		{"good", "m", 2, model, trust, nil},
	} {
		bundle, err := signer.Sign(c.name, c.number, map[string]string{ModelFile: c.digest})
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.Stage(strings.NewReader("two"), 10)
		if err != nil {
			t.Fatal(err)
		}
		p := Publication{Name: "m", Model: b, Signature: bundle}
		if err = p.Verify(c.trust); err == nil {
			_, err = s.Publish(p)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.what, err)
		}
		b.Discard()
	}
	if m, err = s.Show("m"); err != nil || len(m.Versions) != 2 || m.Next != 3 {
		t.Fatalf("%+v %v", m, err)
	}
	if data, _, err := s.Read("m", m.Versions[1], Access{Trust: trust}); err != nil || string(data) != "two" {
		t.Errorf("%q %v", data, err)
	}
}
