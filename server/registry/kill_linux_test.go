package registry

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// change is one change of a registry that is as prepare leaves it.
type change struct {
	do    func(s *Store) error
	after string // what state says when it has been made
}

// before is the state of the registry that changes are made on.
const before = "m 1=one 2=two stable=2"

// prepare makes that registry, with bytes that nothing refers to.
func prepare(s *Store) error {
	for _, data := range []string{"one", "two"} {
		if _, err := tryPublish(s, "m", "stable", data); err != nil {
			return err
		}
	}
	return errors.Join(os.WriteFile(s.blobPath(Digest([]byte("of nothing"))), []byte("of nothing"), 0o400),
		os.WriteFile(s.tmpDir()+"/blob-of-the-dead", []byte("half"), 0o600))
}

// changes are all that change what is stored of models.
var changes = map[string]change{
	"publish three": {func(s *Store) error {
		model, err := s.Stage(strings.NewReader("three"), 10)
		if err != nil {
			return err
		}
		warmup, err := s.Stage(strings.NewReader("inputs"), 10)
		if err != nil {
			return err
		}
		_, err = s.Publish(Publication{Name: "m", Label: "stable", Model: model, Warmup: []*Staged{warmup}})
		return err
	}, "m 1=one 2=two 3=three+inputs stable=3"},
	"publish two again":   {func(s *Store) error { _, err := tryPublish(s, "m", "", "two"); return err }, "m 1=one 2=two 3=two stable=2"},
	"publish other model": {func(s *Store) error { _, err := tryPublish(s, "n", "", "one"); return err }, before + "; n 1=one"},
	"label":               {func(s *Store) error { return s.Label("m", "canary", 1) }, "m 1=one 2=two canary=1 stable=2"},
	"rollback":            {func(s *Store) error { _, err := s.Rollback("m", "stable"); return err }, "m 1=one 2=two stable=1"},
	"alias":               {func(s *Store) error { return s.SetAlias("a", "m") }, before + " a"},
	"delete version":      {func(s *Store) error { return s.Delete("m", 1) }, "m 2=two stable=2"},
	"delete model":        {func(s *Store) error { return s.Delete("m", 0) }, ""},
	"prune":               {func(s *Store) error { _, err := s.Prune(); return err }, before},
}

// state is all that is visible of a registry, bytes too.
func state(s *Store) (string, error) {
	models, err := s.List()
	if err != nil {
		return "", err
	}
	var all []string
	for _, m := range models {
		line := []string{m.Name}
		for _, v := range m.Versions {
			model, warmup, err := s.Read(m.Name, v, Access{})
			if err != nil {
				return "", err
			}
			text := fmt.Sprintf("%d=%s", v.Number, model)
			for _, w := range warmup {
				text += "+" + string(w)
			}
			line = append(line, text)
		}
		for l, at := range m.Labels {
			line = append(line, fmt.Sprintf("%s=%d", l, at))
		}
		slices.Sort(line[1+len(m.Versions):])
		all = append(all, strings.Join(append(line, m.Aliases...), " "))
	}
	return strings.Join(all, "; "), nil
}

// TestRG01KillAtEverySyscall kills each change at each system call that writes, the first one, then the second and so on,
// until it gets through. Whoever opens the registry next finds it sound, with the change made or not, made if it was
// acknowledged, and can go on: publish, and prune all that is left over.
func TestRG01KillAtEverySyscall(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	total := 0
	for name, c := range changes {
		made := 0 // kills after which the change was there
		for n := 1; ; n++ {
			s := New(t.TempDir())
			if err := prepare(s); err != nil {
				t.Fatal(err)
			}
			out, killed, err := runUntil(run(t, name, s.Dir(), nil), n)
			if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) {
				t.Skip("no right to trace processes on this machine")
			}
			if err != nil {
				t.Fatal(err)
			}
			acknowledged := strings.HasPrefix(out, done)
			if !killed && !acknowledged {
				t.Fatalf("%s: %s", name, out)
			}
			got, err := state(s)
			if err == nil {
				err = s.Check()
			}
			if err != nil || got != c.after && (acknowledged || got != before) {
				t.Errorf("%s, killed at call %d: %q, %v, acknowledged %v", name, n, got, err, acknowledged)
			}
			if got == c.after && killed {
				made++
			}
			goOn(t, s, name, n)
			if !killed {
				if n < 8 || c.after != before && made == 0 {
					t.Errorf("%s: only %d calls that write, %d of them after the change", name, n, made)
				}
				break
			}
			total++
		}
	}
	t.Logf("%d kills", total)
}

// goOn uses a registry after a crash.
func goOn(t *testing.T, s *Store, name string, n int) {
	t.Helper()
	v := publish(t, s, "m", "stable", "next")
	if data, _, err := s.Read("m", v, Access{}); err != nil || string(data) != "next" {
		t.Errorf("%s, after a kill at call %d: %q %v", name, n, data, err)
	}
	if _, err := s.Prune(); err != nil {
		t.Errorf("%s, after a kill at call %d: %v", name, n, err)
	}
	if r, err := s.Verify(Access{}); err != nil || len(r.Problems)+len(r.Orphans) != 0 {
		t.Errorf("%s, after a kill at call %d: %+v %v", name, n, r, err)
	}
}

// writing are the system calls that change files, in the ways that Go and bbolt ask for it, and locks.
var writing = []uint64{syscall.SYS_WRITE, syscall.SYS_PWRITE64, syscall.SYS_WRITEV, syscall.SYS_FTRUNCATE, syscall.SYS_FALLOCATE, syscall.SYS_FSYNC,
	syscall.SYS_FDATASYNC, syscall.SYS_RENAMEAT, unix.SYS_RENAMEAT2, syscall.SYS_UNLINKAT, syscall.SYS_MKDIRAT, syscall.SYS_FCHMOD, syscall.SYS_FLOCK,
	unix.SYS_COPY_FILE_RANGE, syscall.SYS_SENDFILE, syscall.SYS_SPLICE}

// syscallStop is struct ptrace_syscall_info of linux/ptrace.h where op is PTRACE_SYSCALL_INFO_ENTRY.
type syscallStop struct {
	op      uint8
	_       [3]uint8
	arch    uint32
	_, _    uint64
	number  uint64
	args    [6]uint64
	padding [2]uint64
}

// Of linux/ptrace.h and linux/wait.h.
const (
	ptraceGetSyscallInfo = 0x420e
	syscallEntry         = 1
	optionSysGood        = 1
	optionClone          = 1 << 3
	optionExitKill       = 1 << 20
	waitAll              = 0x40000000
	syscallSignal        = syscall.SIGTRAP | 0x80
)

// runUntil runs a command and kills it before it makes its nth system call that writes. killed is false if it ended
// before. out is what it said.
func runUntil(cmd *exec.Cmd, n int) (out string, killed bool, err error) {
	runtime.LockOSThread() // which alone may trace
	defer runtime.UnlockOSThread()
	r, w, err := os.Pipe()
	if err != nil {
		return "", false, err
	}
	defer r.Close()
	cmd.Stdout = w
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return "", false, err
	}
	killed, err = trace(cmd.Process.Pid, n)
	if err != nil {
		_ = cmd.Process.Kill()
	}
	_ = cmd.Process.Release()
	text, readErr := io.ReadAll(r)
	return string(text), killed, errors.Join(err, readErr)
}

// trace follows all threads of a process that is stopped at its start.
func trace(pid, n int) (killed bool, err error) {
	var st syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &st, waitAll, nil); err != nil {
		return false, err
	}
	if err := syscall.PtraceSetOptions(pid, optionSysGood|optionClone|optionExitKill); err != nil {
		return false, err
	}
	thread, signal := pid, 0
	for {
		if err := syscall.PtraceSyscall(thread, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return false, err
		}
		for {
			thread, err = syscall.Wait4(-1, &st, waitAll, nil)
			if !errors.Is(err, syscall.EINTR) {
				break
			}
		}
		signal = 0
		switch {
		case err != nil:
			return false, err
		case (st.Exited() || st.Signaled()) && thread == pid:
			return killed, nil
		case !st.Stopped():
		case st.StopSignal() == syscallSignal:
			var at syscallStop
			if _, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, ptraceGetSyscallInfo, uintptr(thread), unsafe.Sizeof(at),
				uintptr(unsafe.Pointer(&at)), 0, 0); errno != 0 && errno != syscall.ESRCH {
				return false, errno
			}
			if at.op == syscallEntry && slices.Contains(writing, at.number) {
				if n--; n == 0 {
					killed = true
					if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
						return true, err
					}
				}
			}
		case st.StopSignal() == syscall.SIGTRAP, st.StopSignal() == syscall.SIGSTOP: // a new thread, and its start
		default:
			signal = int(st.StopSignal())
		}
	}
}
