package replica

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"0/bantam/output"
)

// call is one request and its answer: the http.ResponseWriter that the handler gets. It offers what net/http's own does, and
// refuses what a handler still writes after the runtime has answered in its place.
type call struct {
	http.ResponseWriter
	replica *replica
	request *http.Request
	start   time.Time
	method  string // of the request as it came: the handler may change its own
	path    string
	id      string
	begun   string    // X-Start-Time
	given   [2]string // the memory of the headers that the handler sees: id and begun
	marks   [3]string // and of those of the answer, which it must not get at
	status  int
	written int64
	stage   atomic.Int32
	// failure is 408 or 413 once the body could not be read for that reason: the answer, if none has begun.
	failure  atomic.Int32
	body     body
	limits   *limits // nil without write_timeout and exec_timeout, unless the caller wants another protocol
	hijacked atomic.Bool
	// gone says that the caller has got an answer or lost its connection, whatever the handler still does.
	gone atomic.Bool

	previous, next *call // in the list of calls in flight
}

// Stages of an answer.
const (
	stageOpen     int32 = iota
	stageBegun          // the handler's head is being written, or has been
	stageAnswered       // the runtime answered in its place, as net/http does it
	stageCut            // the runtime has taken the connection away
	stageOver           // the call has ended
)

// begin gives the answer to the handler, unless the runtime took it, or the body's failure is the answer.
func (c *call) begin(status int) bool {
	if !c.stage.CompareAndSwap(stageOpen, stageBegun) {
		return c.stage.Load() == stageBegun
	}
	if failure := int(c.failure.Load()); failure != 0 {
		clear(c.Header())
		c.fail(failure)
		c.stage.Store(stageAnswered)
		return false
	}
	c.head(status)
	return true
}

// head writes the answer's head.
func (c *call) head(status int) {
	header := c.Header()
	c.mark(header)
	if c.replica.isDraining() {
		header["Connection"] = closing
	}
	if c.limits != nil && status >= 200 && isEventStream(header) {
		c.limits.exempt()
	}
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

var closing = []string{"close"}

func (c *call) WriteHeader(status int) {
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols { // not the answer yet
		if c.stage.Load() == stageOpen {
			c.ResponseWriter.WriteHeader(status)
		}
		return
	}
	switch c.stage.Load() {
	case stageBegun:
		if c.status != 0 {
			c.ResponseWriter.WriteHeader(status) // net/http says in the log who has answered twice
			return
		}
	case stageOpen:
		checkStatus(status)
	}
	c.begin(status)
}

// checkStatus panics where net/http would, but before the answer has begun: so there can be a 500.
func checkStatus(status int) {
	if status < 100 || status > 999 {
		panic("invalid status " + strconv.Itoa(status))
	}
}

func (c *call) Write(data []byte) (int, error) {
	if !c.begin(http.StatusOK) {
		return 0, http.ErrHandlerTimeout
	}
	count, err := c.ResponseWriter.Write(data)
	c.written += int64(count)
	return count, err
}

// WriteString is there for io.WriteString.
func (c *call) WriteString(text string) (int, error) {
	if !c.begin(http.StatusOK) {
		return 0, http.ErrHandlerTimeout
	}
	count, err := io.WriteString(c.ResponseWriter, text)
	c.written += int64(count)
	return count, err
}

// ReadFrom keeps io.Copy from a file or a connection as cheap as without this writer.
func (c *call) ReadFrom(source io.Reader) (int64, error) {
	if !c.begin(http.StatusOK) {
		return 0, http.ErrHandlerTimeout
	}
	count, err := io.Copy(c.ResponseWriter, source)
	c.written += count
	return count, err
}

// FlushError is what http.ResponseController calls.
func (c *call) FlushError() error {
	if !c.begin(http.StatusOK) {
		return http.ErrHandlerTimeout
	}
	return http.NewResponseController(c.ResponseWriter).Flush()
}

// Flush sends what has been written.
func (c *call) Flush() {
	_ = c.FlushError() // http.Flusher has no way to say that it failed
}

// Hijack hands the connection to the handler, for a WebSocket. No limit applies to it from then on.
func (c *call) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !c.stage.CompareAndSwap(stageOpen, stageBegun) && c.stage.Load() != stageBegun {
		return nil, nil, http.ErrHandlerTimeout
	}
	c.hijacked.Store(true)
	if c.limits != nil {
		c.limits.exempt()
		c.limits.stop()
	}
	c.status = http.StatusSwitchingProtocols
	return http.NewResponseController(c.ResponseWriter).Hijack()
}

// CloseNotify is there because older frameworks insist on it.
func (c *call) CloseNotify() <-chan bool {
	return c.ResponseWriter.(http.CloseNotifier).CloseNotify() //nolint:staticcheck // net/http's own writer has it
}

// Unwrap lets http.ResponseController find the rest: deadlines, full duplex.
func (c *call) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// title is the call for a log line: no query string.
func (c *call) title() string { return c.method + " " + c.path }

func (c *call) fields(more ...output.Field) []output.Field {
	return append([]output.Field{
		{Name: "call_id", Value: c.id},
		{Name: "method", Value: c.method},
		{Name: "path", Value: c.path},
	}, more...)
}

func isEventStream(header http.Header) bool {
	values := header["Content-Type"]
	return len(values) > 0 && strings.HasPrefix(values[0], "text/event-stream")
}
