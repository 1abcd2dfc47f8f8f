// Package standard has package log write its lines without the pipe of package output: log.Fatal ends the process at once, and
// its line would be lost in there. It is a package of its own because package output must not wait for package log.
package standard

import (
	"bytes"
	"io"
	"log"

	"0/bantam/output"
)

// starting is what package log writes to until Settle.
var starting = &quiet{to: log.Writer()}

func init() {
	if output.Wrapped() {
		starting.to = output.Lines(output.Err, "stderr")
	}
	log.SetOutput(starting)
}

// Settle ends what is for the start alone. What the function has set meanwhile stays.
func Settle() {
	if log.Writer() == io.Writer(starting) {
		log.SetOutput(starting.to)
	}
}

// quiet drops the one line that the metrics' library writes while it is initialised, where the kernel does not count stalls: it
// is no event of this replica, and it would be the first of every log.
type quiet struct {
	to io.Writer
}

func (q *quiet) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(" metrics: disable exposing PSI metrics ")) {
		return len(line), nil
	}
	return q.to.Write(line)
}
