package replica

import (
	"net/http"
	"strconv"
	"time"
)

// lingering is how long a body that nobody wants is still read.
const lingering = time.Second

// failures are the runtime's own answers, a line each; the call's id comes behind.
var failures = map[int]string{
	http.StatusRequestTimeout:        "The request did not arrive within read_timeout",
	http.StatusRequestEntityTooLarge: "The request's body is larger than max_body_size",
	http.StatusTooManyRequests:       "This replica answers as many calls as max_inflight allows",
	http.StatusInternalServerError:   "The function failed; its log says why",
	http.StatusGatewayTimeout:        "The function did not answer within exec_timeout",
}

// sentence is the body of such an answer.
func sentence(status int, id string) string {
	return failures[status] + " (call " + id + ").\n"
}

// fail answers in place of the handler. Only for the goroutine of the call, and before the answer has begun.
func (c *call) fail(status int) {
	text := sentence(status, c.id)
	header := c.Header()
	header["Content-Type"] = plainText
	header["Content-Length"] = []string{strconv.Itoa(len(text))}
	switch status {
	case http.StatusTooManyRequests:
		header["Retry-After"] = []string{"1"}
	case http.StatusRequestTimeout, http.StatusRequestEntityTooLarge: // what is left of the body would be taken for a request
		header["Connection"] = closing
		// net/http reads on for a while, so that the answer is not lost; a caller who waits for "100 Continue" sends nothing.
		_ = http.NewResponseController(c.ResponseWriter).SetReadDeadline(time.Now().Add(lingering)) // the connection may be gone
	}
	c.head(status)
	count, _ := c.ResponseWriter.Write([]byte(text)) // fails only when the caller has gone
	c.written += int64(count)
}

var plainText = []string{"text/plain; charset=utf-8"}
