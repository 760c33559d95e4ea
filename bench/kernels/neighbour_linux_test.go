package kernelbench

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// asNeighbour in the environment makes the test binary a process that keeps one CPU busy.
const asNeighbour = "HOTPATH_TEST_AS_NEIGHBOUR"

func TestMain(m *testing.M) {
	if os.Getenv(asNeighbour) != "" {
		spinOnLastCPU()
	}
	os.Exit(m.Run())
}

// spinOnLastCPU binds this thread to the last CPU it may use and spins until the parent closes its input.
func spinOnLastCPU() {
	runtime.LockOSThread()
	var mask [128]byte
	if n, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, uintptr(len(mask)), uintptr(unsafe.Pointer(&mask))); errno != 0 || n == 0 {
		os.Exit(1)
	}
	for i := len(mask) - 1; i >= 0; i-- {
		if mask[i] == 0 {
			continue
		}
		last := byte(1 << 7)
		for mask[i]&last == 0 {
			last >>= 1
		}
		mask = [128]byte{}
		mask[i] = last
		break
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, uintptr(len(mask)), uintptr(unsafe.Pointer(&mask))); errno != 0 {
		os.Exit(1)
	}
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	for {
		kernels.PeakF32(1 << 10)
	}
}

// TestBusyNeighbour: with another process on one of two CPUs, a product split over two threads takes hardly longer than on one thread alone,
// which the caller has to itself: chunks go to whoever is free, so at worst one is held up while its thread waits for the CPU.
func TestBusyNeighbour(t *testing.T) {
	if testing.Short() || testkit.Race || kernels.Tier() == cpu.Ref {
		t.Skip("times kernels")
	}
	if runtime.NumCPU() < 2 {
		t.Skip("one CPU")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	neighbour := exec.CommandContext(t.Context(), self)
	neighbour.Env = append(os.Environ(), asNeighbour+"=1", "GOMAXPROCS=2")
	end, err := neighbour.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := neighbour.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		end.Close()
		_ = neighbour.Wait()
	}()
	p := kernels.NewPool(2)
	defer p.Close()
	const n, jobs, rounds = 384, 40, 15
	a, w, c := randomF32(n*n), kernels.PackF32(n, n, randomF32(n*n), n, 1), make([]float32, n*n)
	batch := func(p *kernels.Pool) float64 {
		start := time.Now()
		for range jobs {
			kernels.GemmF32(p, n, a, n, w, c, n, nil, nil)
		}
		return float64(time.Since(start).Microseconds()) / jobs
	}
	batch(nil)
	batch(p)
	var alone, shared []float64
	for range rounds {
		alone, shared = append(alone, batch(nil)), append(shared, batch(p))
	}
	one, two := quantile(alone, 0.5), quantile(shared, 0.5)
	t.Logf("one thread %.0f µs, two beside a busy process %.0f µs: %.2f times; best %.0f and %.0f", one, two, two/one, quantile(alone, 0), quantile(shared, 0))
	if two > 2.5*one && quantile(shared, 0) > 2*quantile(alone, 0) { // wide: tests of other packages run beside it
		t.Errorf("two threads beside a busy process take %.2f times as long as one alone", two/one)
	}
}
