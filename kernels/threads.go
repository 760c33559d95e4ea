package kernels

import (
	"math"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
)

// DefaultThreads returns the number of CPUs this process may use: its affinity mask (which a cpuset narrows), capped by the CPU quota of
// its cgroup and of those around it, v2 or v1, rounded up; at least 1.
func DefaultThreads() int {
	n := runtime.NumCPU()
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return n
	}
	if q := quota("/sys/fs/cgroup", string(text)); q < float64(n) {
		n = int(math.Ceil(q))
	}
	return max(n, 1)
}

// quota returns the smallest quota, in CPUs, of the cgroups that a process with this /proc/self/cgroup lies in, +Inf without one. A line is
// "0::/path" in v2 and "ID:cpu,cpuacct:/path" in v1, which has a tree per controller; inside a container the path may be one that only the
// host sees, and the mounted root is the container's own.
func quota(mounted, cgroups string) float64 {
	least := math.Inf(1)
	for line := range strings.Lines(cgroups) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		root, read := mounted, quotaV2
		if controllers := "," + fields[1] + ","; fields[1] != "" {
			if !strings.Contains(controllers, ",cpu,") {
				continue
			}
			root, read = path.Join(mounted, "cpu"), quotaV1
		}
		for dir := path.Join("/", fields[2]); ; dir = path.Dir(dir) {
			if q, ok := read(path.Join(root, dir)); ok {
				least = min(least, q)
			}
			if dir == "/" {
				break
			}
		}
	}
	return least
}

// quotaV2 reads "QUOTA PERIOD" or "max PERIOD" from cpu.max.
func quotaV2(dir string) (cpus float64, ok bool) {
	text, err := os.ReadFile(path.Join(dir, "cpu.max"))
	if err != nil {
		return 0, false
	}
	quota, period, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	return ratio(quota, period)
}

// quotaV1 reads the two files of the cpu controller; a quota of −1 means none.
func quotaV1(dir string) (cpus float64, ok bool) {
	quota, err := os.ReadFile(path.Join(dir, "cpu.cfs_quota_us"))
	if err != nil {
		return 0, false
	}
	period, err := os.ReadFile(path.Join(dir, "cpu.cfs_period_us"))
	if err != nil {
		return 0, false
	}
	return ratio(strings.TrimSpace(string(quota)), strings.TrimSpace(string(period)))
}

func ratio(quota, period string) (float64, bool) {
	q, err1 := strconv.ParseFloat(quota, 64)
	p, err2 := strconv.ParseFloat(period, 64)
	return q / p, err1 == nil && err2 == nil && q > 0 && p > 0
}
