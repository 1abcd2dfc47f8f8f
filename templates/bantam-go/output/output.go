// Package output gives each line that the function writes the form that the settings ask for: a JSON object, or a date and the
// name of the stream before it. Unless they ask, it does nothing, and os.Stdout and os.Stderr are the process's own.
//
// It puts pipes in their place as soon as package os is there. Its path sorts before those of all users of package os, so it
// is initialised before them (see package early), and what they keep of os.Stdout is the pipe. The descriptors 1 and 2 stay
// what they are: Go writes the trace of a crash there, and a pipe would swallow it.
package output

import (
	"io"
	"os"
	"strconv"
	"sync"
)

// Format is the form of lines.
type Format int

const (
	// Plain is each line as it was written.
	Plain Format = iota
	// Prefixed is with date, time and stream before it.
	Prefixed
	// JSON is one object a line.
	JSON
)

var (
	// Out and Err are the process's own streams.
	Out, Err = os.Stdout, os.Stderr
	// Asked is the form that the settings ask for.
	Asked = asked()

	longest = longestLine()
	pumps   sync.WaitGroup
	pipes   []*os.File
)

// Wrapped says whether the function's lines take their way through this package.
func Wrapped() bool { return len(pipes) > 0 }

func init() {
	if Asked == Plain && os.Getenv("log_buffer_size") == "" {
		return
	}
	os.Stdout = wrap(os.Stdout, "stdout")
	os.Stderr = wrap(os.Stderr, "stderr")
}

// wrap returns the end of a pipe whose lines go to stream in their new form; stream itself where there is no pipe to be had.
func wrap(stream *os.File, name string) *os.File {
	from, to, err := os.Pipe()
	if err != nil {
		return stream
	}
	pipes = append(pipes, to)
	pumps.Add(1)
	go func() {
		defer pumps.Done()
		to := Lines(stream, name)
		_, _ = io.Copy(to, from) // it ends when the pipe is closed, or when nobody takes the lines
		to.end()
	}()
	return to
}

// Close waits until all that the function has written is out. Called at the process's end.
func Close() {
	for _, pipe := range pipes {
		_ = pipe.Close()
	}
	pumps.Wait()
}

func asked() Format {
	switch {
	case os.Getenv("log_format") == "json":
		return JSON
	case os.Getenv("prefix_logs") == "true" || os.Getenv("prefix_logs") == "1":
		return Prefixed
	}
	return Plain
}

func longestLine() int {
	if size, err := strconv.Atoi(os.Getenv("log_buffer_size")); err == nil && size > 0 {
		return size
	}
	return 65536
}
