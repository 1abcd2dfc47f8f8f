package replica

import (
	"context"
	"net/http"
	"time"
)

// report answers for the replica itself: none of the user's code runs.
func (c *call) report(status int, text string) {
	header := c.Header()
	header["Content-Type"] = plainText
	// It is about this replica and this moment: a copy kept on the way would prove nothing.
	header["Cache-Control"] = []string{"no-store"}
	if c.request.Method != http.MethodGet && c.request.Method != http.MethodHead {
		header["Allow"] = []string{"GET, HEAD"}
		status, text = http.StatusMethodNotAllowed, "GET or HEAD is needed"
	}
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		header["Retry-After"] = []string{"1"}
	}
	c.head(status)
	_, _ = c.ResponseWriter.Write([]byte(text + "\n")) // fails only when the caller has gone
}

// reportReady says whether new calls are welcome.
func (c *call) reportReady() {
	switch r := c.replica; {
	case r.isDraining():
		c.report(http.StatusServiceUnavailable, "draining: no new calls, please")
	case r.isFull():
		c.report(http.StatusTooManyRequests, "max_inflight calls are in flight")
	case r.settings.readyPath != "" && (c.request.Method == http.MethodGet || c.request.Method == http.MethodHead):
		if status := c.askHandler(); status < 200 || status > 299 {
			c.report(http.StatusServiceUnavailable, "the handler is not ready: "+r.settings.readyPath+" answers "+http.StatusText(status))
			return
		}
		c.report(http.StatusOK, "OK")
	default:
		c.report(http.StatusOK, "OK")
	}
}

// readyPatience is how long the handler may take to say whether it is ready: less than probes wait.
const readyPatience = 5 * time.Second

// askHandler calls the handler with ready_path and returns the status of its answer, 504 if it takes too long.
func (c *call) askHandler() int {
	ctx, cancel := context.WithTimeout(c.request.Context(), readyPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.replica.settings.readyPath, http.NoBody)
	if err != nil {
		return http.StatusInternalServerError
	}
	request.RequestURI, request.Host, request.RemoteAddr = c.replica.settings.readyPath, c.request.Host, c.request.RemoteAddr
	request.Header["X-Call-Id"] = []string{c.id}
	answered := make(chan int, 1)
	go func() {
		question := &question{header: http.Header{}}
		defer func() {
			if reason := recover(); reason != nil {
				asked := &call{replica: c.replica, request: request, method: http.MethodGet, path: c.replica.settings.readyPath, id: c.id}
				asked.panicked(reason)
				question.status = http.StatusInternalServerError
			}
			question.WriteHeader(http.StatusOK)
			answered <- question.status
		}()
		c.replica.handler.ServeHTTP(question, request)
	}()
	select {
	case status := <-answered:
		return status
	case <-ctx.Done():
		return http.StatusGatewayTimeout
	}
}

// question is an answer of which only the status matters.
type question struct {
	header http.Header
	status int
}

func (q *question) Header() http.Header { return q.header }

func (q *question) WriteHeader(status int) {
	checkStatus(status)
	if q.status == 0 && status >= 200 {
		q.status = status
	}
}

// Flush is there for handlers that insist on it.
func (q *question) Flush() { q.WriteHeader(http.StatusOK) }

func (q *question) Write(data []byte) (int, error) {
	q.WriteHeader(http.StatusOK)
	return len(data), nil
}
