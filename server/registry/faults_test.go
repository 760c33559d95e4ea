package registry

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// done is what a child says when its task is, and the change acknowledged.
const done = "done"

// childEnv makes the test binary a process of its own with one task on a registry.
const childEnv = "HOTPATH_REGISTRY_CHILD"

func TestMain(m *testing.M) {
	if task := os.Getenv(childEnv); task != "" {
		if err := child(task, os.Args[1]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(done)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// run starts the test binary as a child with a task.
func run(t *testing.T, task, dir string, change func(*exec.Cmd)) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], dir)
	cmd.Env = append(os.Environ(), childEnv+"="+task)
	if change != nil {
		change(cmd)
	}
	return cmd
}

// child does a task in a process of its own.
func child(task, dir string) error {
	s := New(dir)
	switch task {
	case "hold": // the lock, until it is killed
		return s.open(false, func(*bbolt.DB) error {
			fmt.Println("held")
			time.Sleep(time.Minute)
			return nil
		})
	case "publish":
		for i := range 20 {
			if _, err := tryPublish(s, "m", "stable", fmt.Sprint(os.Getpid(), " ", i)); err != nil {
				return err
			}
		}
		return nil
	case "small":
		return smallDisk(dir)
	}
	if c, ok := changes[task]; ok {
		return c.do(s)
	}
	return errors.New("unknown task")
}

// smallDisk fills a disk of its own, then finds it read-only.
func smallDisk(dir string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	s := New(filepath.Join(dir, "store"))
	published := 0
	for i := 0; ; i++ {
		data := strings.Repeat(fmt.Sprintf("%08d", i), 2<<10) // 16 KiB
		_, err := tryPublish(s, "m", "stable", data)
		if errors.Is(err, syscall.ENOSPC) || err != nil && strings.Contains(err.Error(), "no space") {
			break
		}
		if err != nil {
			return fmt.Errorf("on a full disk: %w", err)
		}
		if published++; published > 100 {
			return errors.New("the disk never fills")
		}
	}
	if err := expect(s, published); err != nil {
		return fmt.Errorf("after the disk was full: %w", err)
	}
	if left, err := os.ReadDir(s.tmpDir()); err != nil || len(left) != 0 {
		return fmt.Errorf("%d files are left, %w", len(left), err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	if _, err := tryPublish(s, "m", "stable", "x"); !errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("publish on a read-only disk: %w", err)
	}
	return expect(s, published)
}

// expect proves that a registry is sound and has so many versions, the label on the last.
func expect(s *Store, versions int) error {
	m, err := s.Show("m")
	if err != nil {
		return err
	}
	if len(m.Versions) != versions || m.Labels["stable"] != int64(versions) {
		return fmt.Errorf("%d versions, label on %d, expected %d", len(m.Versions), m.Labels["stable"], versions)
	}
	r, err := s.Verify(Access{})
	if err == nil && len(r.Problems) > 0 {
		err = fmt.Errorf("%v", r.Problems)
	}
	return errors.Join(err, s.Check())
}

// TestRG02FullAndReadOnlyDisk publishes to a disk of 512 KiB until it is full, then finds it read-only: what was
// published stays readable. It needs a mount namespace.
func TestRG02FullAndReadOnlyDisk(t *testing.T) {
	cmd := run(t, "small", t.TempDir(), func(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS} })
	out, err := cmd.CombinedOutput()
	if err != nil && (errors.Is(err, syscall.EPERM) || bytes.HasPrefix(out, []byte("mount: operation not permitted"))) {
		t.Skip("no right to mount on this machine")
	}
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestRG02FaultAtEveryStep lets each step of a publication fail, as a disk with errors does: the version is not there,
// nothing else is harmed, and the next try succeeds.
func TestRG02FaultAtEveryStep(t *testing.T) {
	var steps []string
	probe := New(t.TempDir())
	probe.fault = func(step string) error { steps = append(steps, step); return nil }
	publish(t, probe, "m", "stable", "x")
	for i, at := range steps[:len(steps)-1] { // after the last one it is there
		s := New(t.TempDir())
		publish(t, s, "m", "stable", "one")
		failing, left := New(s.Dir()), i
		failing.fault = func(string) error {
			if left--; left < 0 {
				return syscall.EIO
			}
			return nil
		}
		if _, err := tryPublish(failing, "m", "stable", "two"); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", at, err)
		}
		if err := expect(s, 1); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		publish(t, s, "m", "stable", "two")
		if err := expect(s, 2); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// TestRG03TornWrites cuts and zeroes the tail of a blob, as a disk does that lost power behind a full cache.
func TestRG03TornWrites(t *testing.T) {
	s := New(t.TempDir())
	data := strings.Repeat("0123456789abcdef", 4096)
	v := publish(t, s, "m", "stable", data)
	path := s.blobPath(v.Digest)
	for _, torn := range []string{"", data[:1], data[:4096], data[:len(data)-1], data[:32<<10] + strings.Repeat("\x00", len(data)-32<<10), data + "x"} {
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(torn), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Read("m", v, Access{}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes: %v", len(torn), err)
		}
	}
	publish(t, s, "m", "stable", data) // the same bytes again mend both
	if err := expect(s, 2); err != nil {
		t.Error(err)
	}
}

// TestRG05TwoProcesses publishes the same name from two processes, and goes on after one was killed with the lock.
func TestRG05TwoProcesses(t *testing.T) {
	dir := t.TempDir()
	publish(t, New(dir), "m", "stable", "first")
	holder := run(t, "hold", dir, nil)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	_ = holder.Process.Kill()
	_ = holder.Wait()
	a, b := run(t, "publish", dir, nil), run(t, "publish", dir, nil)
	for _, c := range []*exec.Cmd{a, b} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(a.Wait(), b.Wait()); err != nil {
		t.Error(err)
	}
	if err := expect(New(dir), 41); err != nil {
		t.Error(err)
	}
}

// TestRG07ThousandVersions keeps a model with 1,000 versions workable.
func TestRG07ThousandVersions(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	s := New(t.TempDir())
	for i := range 1000 {
		publish(t, s, "m", "stable", fmt.Sprint(i))
	}
	if err := expect(s, 1000); err != nil {
		t.Error(err)
	}
	const gone = 20
	for i := range int64(gone) {
		if err := s.Delete("m", i+1); err != nil {
			t.Fatal(err)
		}
	}
	m, err := s.Show("m")
	if err != nil || len(m.Versions) != 1000-gone || m.Versions[0].Number != gone+1 {
		t.Errorf("%d versions, %v", len(m.Versions), err)
	}
	blobs, err := os.ReadDir(s.blobDir())
	if err != nil || len(blobs) != 1000-gone {
		t.Errorf("%d blobs, %v", len(blobs), err)
	}
}

// TestRG09NewerSchema refuses a registry of a later hotpath, and leaves it as it is.
func TestRG09NewerSchema(t *testing.T) {
	s := New(t.TempDir())
	publish(t, s, "m", "stable", "x")
	err := s.open(false, func(db *bbolt.DB) error {
		return db.Update(func(tx *bbolt.Tx) error {
			return tx.Bucket(bucketMeta).Put(keySchema, binary.BigEndian.AppendUint64(nil, schema+1))
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(s.dbPath())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.List(); !errors.Is(err, ErrSchema) {
		t.Error(err)
	}
	if _, err := tryPublish(s, "m", "", "y"); !errors.Is(err, ErrSchema) {
		t.Error(err)
	}
	if after, err := os.ReadFile(s.dbPath()); err != nil || !bytes.Equal(after, before) {
		t.Error("it was changed", err)
	}
}

// TestRG10PartialRestore opens a registry whose database came back from a backup without all blobs, and one whose blobs
// came back without the database.
func TestRG10PartialRestore(t *testing.T) {
	s := New(t.TempDir())
	one := publish(t, s, "m", "", "one")
	two := publish(t, s, "m", "stable", "two")
	if err := os.Remove(s.blobPath(one.Digest)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Read("m", one, Access{}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if data, _, err := s.Read("m", two, Access{}); err != nil || string(data) != "two" {
		t.Error(err)
	}
	if r, err := s.Verify(Access{}); err != nil || len(r.Problems) != 1 {
		t.Errorf("%+v %v", r, err)
	}
	if err := os.Remove(s.dbPath()); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Verify(Access{}); err != nil || r.Versions != 0 || len(r.Orphans) != 1 {
		t.Errorf("%+v %v", r, err)
	}
	if v := publish(t, s, "m", "stable", "two"); v.Number != 1 {
		t.Errorf("version %d", v.Number)
	}
}
