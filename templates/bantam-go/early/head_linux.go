//go:build amd64 || arm64 || arm

package early

// head is what matters of a request's head.
type head struct {
	method, path string
	// id and start are the caller's X-Call-Id and X-Start-Time, or new ones.
	id, start string
	// whole says that all of the head was there.
	whole bool
}

// readHead reads as much of a request's head as there is.
func readHead(data []byte) head {
	var read head
	first := true
	for len(data) > 0 {
		end := 0
		for end < len(data) && data[end] != '\n' {
			end++
		}
		if end == len(data) { // half a line
			break
		}
		line := string(data[:end])
		data = data[end+1:]
		if line != "" && line[len(line)-1] == '\r' {
			line = line[:len(line)-1]
		}
		if line == "" {
			read.whole = true
			break
		}
		if first {
			var target string
			read.method, target = cut(line, ' ')
			target, _ = cut(target, ' ')
			read.path, _ = cut(target, '?')
			first = false
			continue
		}
		name, value := cut(line, ':')
		for value != "" && (value[0] == ' ' || value[0] == '\t') {
			value = value[1:]
		}
		for value != "" && (value[len(value)-1] == ' ' || value[len(value)-1] == '\t') {
			value = value[:len(value)-1]
		}
		switch {
		case same(name, "x-call-id") && IsID(value):
			read.id = value
		case same(name, "x-start-time") && IsNumber(value):
			read.start = value
		}
	}
	if read.id == "" {
		read.id = newID()
	}
	if read.start == "" {
		read.start = digits(clock(), 1)
	}
	return read
}

// same compares a header's name with one in lower case.
func same(name, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i := 0; i < len(name); i++ {
		letter := name[i]
		if 'A' <= letter && letter <= 'Z' {
			letter += 'a' - 'A'
		}
		if letter != lower[i] {
			return false
		}
	}
	return true
}

var random [26]byte

// newID makes a call id like crypto/rand.Text, which is not there yet.
func newID() string {
	call(sysGetrandom, address(&random[0]), uintptr(len(random)), 0, 0, 0, 0)
	for i, value := range random {
		random[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[value%32]
	}
	return string(random[:])
}
