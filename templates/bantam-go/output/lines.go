package output

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// Lines is a writer that gives what is written to it to stream, line by line in the form that the settings ask for. A line
// longer than log_buffer_size becomes several. The rest of a line without an end waits for it.
func Lines(stream io.Writer, name string) *Writer {
	return &Writer{stream: stream, name: name}
}

// Writer is what Lines makes. It may be used by several at once.
type Writer struct {
	mutex  sync.Mutex
	stream io.Writer
	name   string
	rest   []byte
	out    []byte
}

// Write takes any part of the text.
func (l *Writer) Write(data []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	written := len(data)
	l.out = l.out[:0]
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n')
		room := longest - len(l.rest)
		switch {
		case end >= 0 && end <= room:
			l.add(data[:end])
			data = data[end+1:]
		case len(data) > room || end > room:
			l.add(data[:room])
			data = data[room:]
		default:
			l.rest = append(l.rest, data...)
			data = nil
		}
	}
	if len(l.out) == 0 {
		return written, nil
	}
	_, err := l.stream.Write(l.out)
	return written, err
}

// end writes the rest of a line that has no end.
func (l *Writer) end() {
	if len(l.rest) > 0 {
		_, _ = l.Write([]byte{'\n'}) // nobody is left to be told that it failed
	}
}

// add appends one line, of what was kept and what is new.
func (l *Writer) add(data []byte) {
	line := data
	if len(l.rest) > 0 {
		line = append(l.rest, data...)
	}
	now := time.Now()
	switch Asked {
	case JSON:
		l.out = AppendObject(l.out, now, "info", line, Field{"stream", l.name})
	case Prefixed:
		l.out = now.AppendFormat(l.out, "2006/01/02 15:04:05 ")
		l.out = append(append(append(l.out, l.name...), ": "...), line...)
		l.out = append(l.out, '\n')
	default:
		l.out = append(append(l.out, line...), '\n')
	}
	l.rest = l.rest[:0]
}
