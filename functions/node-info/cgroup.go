package function

import (
	"path"
	"strconv"
	"strings"
)

// limits is what the replica's control group allows. nil: no limit.
type limits struct {
	version    int
	processors *float64
	memory     *uint64
	used       uint64
}

// limits looks in both versions of control groups. Inside a container its own group is usually mounted at the top; where
// it is not, /proc/self/cgroup says where it is.
func (s system) limits() limits {
	if s.line("sys/fs/cgroup/cgroup.controllers") != "" {
		return s.unifiedLimits()
	}
	found := limits{
		processors: ratio(s.group("cpu", "cpu.cfs_quota_us"), s.group("cpu", "cpu.cfs_period_us")),
		memory:     amount(s.group("memory", "memory.limit_in_bytes")),
		used:       number(s.group("memory", "memory.usage_in_bytes")),
	}
	if found.used > 0 {
		found.version = 1
	}
	return found
}

func (s system) unifiedLimits() limits {
	quota, period, _ := strings.Cut(s.group("", "cpu.max"), " ")
	return limits{
		version:    2,
		processors: ratio(quota, period),
		memory:     amount(s.group("", "memory.max")),
		used:       number(s.group("", "memory.current")),
	}
}

// group reads a file of the replica's group for a controller (empty: version 2).
func (s system) group(controller, file string) string {
	base := path.Join("sys/fs/cgroup", controller)
	for line := range strings.Lines(s.line("proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for name := range strings.SplitSeq(parts[1], ",") {
			if name != controller {
				continue
			}
			if text := s.line(path.Join(base, parts[2], file)); text != "" {
				return text
			}
		}
	}
	return s.line(path.Join(base, file))
}

// amount reads a number of bytes. Version 2 writes `max` for no limit, version 1 a number next to 2^63.
func amount(text string) *uint64 {
	value, err := strconv.ParseUint(text, 10, 64)
	if err != nil || value >= 1<<62 {
		return nil
	}
	return &value
}

func number(text string) uint64 {
	value, _ := strconv.ParseUint(text, 10, 64) // 0: unknown
	return value
}

// ratio is quota/period; without a quota (`max`, -1) there is no limit.
func ratio(quota, period string) *float64 {
	share, err := strconv.ParseFloat(quota, 64)
	whole, wholeErr := strconv.ParseFloat(period, 64)
	if err != nil || wholeErr != nil || share <= 0 || whole <= 0 {
		return nil
	}
	value := share / whole
	return &value
}
