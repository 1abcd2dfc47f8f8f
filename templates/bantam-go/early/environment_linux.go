//go:build amd64 || arm64 || arm

package early

import "unsafe"

// environment is what this package needs to know. Nothing is refused here: the replica reads all settings again later and
// says what is wrong with them.
type environment struct {
	host, port       string
	revision, deploy string
	replica          string
	quiet, json      bool
}

// readEnvironment reads it from /proc: package os is not there yet.
func readEnvironment() environment {
	read := environment{port: "8080"}
	all := readFile("/proc/self/environ\x00")
	for len(all) > 0 {
		end := 0
		for end < len(all) && all[end] != 0 {
			end++
		}
		name, value := cut(string(all[:end]), '=')
		all = all[min(end+1, len(all)):]
		switch name {
		case "port":
			if value != "" {
				read.port = value
			}
		case "BANTAM_HOST":
			read.host = value
		case "BANTAM_REVISION":
			read.revision = value
		case "BANTAM_DEPLOY":
			read.deploy = value
		case "BANTAM_REPLICA":
			read.replica = value
		case "log_level":
			read.quiet = value == "error" || value == "warn"
		case "log_format":
			read.json = value == "json"
		}
	}
	// Several replicas of one machine have the same host name.
	if read.replica == "" {
		read.replica, _ = cut(string(readFile("/proc/sys/kernel/hostname\x00")), '\n')
	}
	return read
}

// readFile reads a file, whose name ends with a zero byte for the kernel; empty if it cannot be read.
func readFile(name string) []byte {
	path = append(path[:0], name...)
	file, ok := call(sysOpenat, hereAtFolder, address(&path[0]), closeOnExec, 0, 0, 0)
	if !ok {
		return nil
	}
	var all []byte
	for {
		count, ok := call(sysRead, file, address(&buffer[0]), uintptr(len(buffer)), 0, 0, 0)
		if !ok || count == 0 {
			break
		}
		all = append(all, buffer[:count]...)
	}
	call(sysClose, file, 0, 0, 0, 0, 0)
	return all
}

var (
	path   []byte
	buffer = make([]byte, 8192)
)

func cut(text string, at byte) (before, after string) {
	for i := 0; i < len(text); i++ {
		if text[i] == at {
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

// sayListening writes the first line of the log. As a JSON object, package signals does it: a time is a long text.
func sayListening() {
	if settings.quiet || settings.json {
		return
	}
	line := append(buffer[:0], "bantam: listening on port "+digits(int64(number), 1)+"\n"...)
	call(sysWrite, 2, address(&line[0]), uintptr(len(line)), 0, 0, 0)
}

// clock is the time of day in nanoseconds since 1970.
func clock() int64 {
	call(sysClockGettime, realTimeClock, uintptr(unsafe.Pointer(&reading[0])), 0, 0, 0, 0)
	return int64(reading[0])*1e9 + int64(reading[1])
}

// digits writes a number with leading zeros up to a width.
func digits(value int64, width int) string {
	text := ""
	for value > 0 || width > 0 {
		text = string(rune('0'+value%10)) + text
		value /= 10
		width--
	}
	return text
}

// reading is what the kernel calls a timespec: two numbers as wide as the processor's.
var reading [2]int
