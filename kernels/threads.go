package kernels

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// DefaultThreads returns the number of CPUs this process may use: its affinity mask (which a cpuset narrows), capped by the
// cgroup's CPU quota, v2 or v1, rounded up; at least 1.
func DefaultThreads() int {
	n := runtime.NumCPU()
	for _, quota := range []func(string) (float64, bool){quotaV2, quotaV1} {
		if q, ok := quota("/sys/fs/cgroup"); ok {
			n = min(n, int(q+0.999))
		}
	}
	return max(n, 1)
}

// quotaV2 reads "QUOTA PERIOD" or "max PERIOD" from cpu.max.
func quotaV2(root string) (cpus float64, ok bool) {
	text, err := os.ReadFile(root + "/cpu.max")
	if err != nil {
		return 0, false
	}
	quota, period, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	return ratio(quota, period)
}

// quotaV1 reads the two files of the cpu controller; a quota of −1 means none.
func quotaV1(root string) (cpus float64, ok bool) {
	quota, err := os.ReadFile(root + "/cpu/cpu.cfs_quota_us")
	if err != nil {
		return 0, false
	}
	period, err := os.ReadFile(root + "/cpu/cpu.cfs_period_us")
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
