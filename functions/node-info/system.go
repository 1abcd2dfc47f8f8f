package function

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// system reads /proc and /sys below root; tests have a root of their own.
type system struct{ root string }

// line is the text of a file without what is around it; empty if it cannot be read.
func (s system) line(path string) string {
	text, err := os.ReadFile(filepath.Join(s.root, path))
	if err != nil {
		return ""
	}
	return strings.Trim(string(text), " \n\x00")
}

func (s system) uptime() float64 {
	first, _, _ := strings.Cut(s.line("proc/uptime"), " ")
	seconds, _ := strconv.ParseFloat(first, 64) // 0: unknown
	return seconds
}

// memory is that of the machine, in bytes.
func (s system) memory() (total, available uint64) {
	values := s.table("proc/meminfo")
	return kibibytes(values["MemTotal"]), kibibytes(values["MemAvailable"])
}

func kibibytes(text string) uint64 {
	number, _, _ := strings.Cut(text, " ")
	value, _ := strconv.ParseUint(number, 10, 64) // 0: unknown
	return value * 1024
}

// model is what the board calls itself: "Raspberry Pi 4 Model B Rev 1.4".
func (s system) model() string {
	for _, path := range []string{"proc/device-tree/model", "sys/firmware/devicetree/base/model", "sys/devices/virtual/dmi/id/product_name"} {
		if name := s.line(path); name != "" {
			return name
		}
	}
	return s.table("proc/cpuinfo")["Model"]
}

// Parts of ARM's own processors that Raspberry Pis have ("CPU part" with implementer 0x41).
var armParts = map[string]string{
	"0xb76": "ARM1176", "0xc07": "Cortex-A7", "0xd03": "Cortex-A53", "0xd08": "Cortex-A72", "0xd0b": "Cortex-A76",
}

func (s system) processor() string {
	values := s.table("proc/cpuinfo")
	if part, known := armParts[values["CPU part"]]; known && values["CPU implementer"] == "0x41" {
		return part
	}
	return values["model name"]
}

// hasForeignProcessor tells an emulated program by /proc/cpuinfo: QEMU says of the kernel what the program expects, but
// shows the processor of the machine. x86 has a vendor_id there, ARM a CPU implementer.
func (s system) hasForeignProcessor(architecture string) bool {
	values := s.table("proc/cpuinfo")
	switch architecture {
	case "arm", "arm64":
		return values["vendor_id"] != ""
	case "386", "amd64":
		return values["CPU implementer"] != ""
	}
	return false
}

// table reads lines of `name : value`; the first one of a name counts.
func (s system) table(path string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(s.line(path)) {
		name, value, found := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if _, known := values[name]; found && !known {
			values[name] = strings.TrimSpace(value)
		}
	}
	return values
}
