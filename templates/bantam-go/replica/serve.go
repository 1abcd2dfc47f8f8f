package replica

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"0/bantam/output"
)

func newCall(replica *replica, w http.ResponseWriter, r *http.Request) *call {
	c := &call{ResponseWriter: w, replica: replica, request: r, method: r.Method, path: r.URL.Path, start: arrival(r)}
	c.identify(r.Header)
	return c
}

// arrival is when the request's head was there: now, but for the first one of a connection that waited for the function to load.
func arrival(r *http.Request) time.Time {
	connection, ok := r.Context().Value(connectionKey{}).(*connection)
	if !ok || connection.arrived.IsZero() {
		return time.Now()
	}
	arrived := connection.arrived
	connection.arrived = time.Time{} // all requests of a connection have the same goroutine
	return arrived
}

// ServeHTTP answers /_/health and /_/ready without the handler, and hands it everything else.
func (r *replica) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	c := newCall(r, w, request)
	if path := request.URL.Path; strings.HasPrefix(path, "/_/") {
		switch path {
		case "/_/health":
			c.report(http.StatusOK, "OK")
		case "/_/ready":
			c.reportReady()
		default:
			c.run()
		}
		return
	}
	if !r.enter(c) {
		c.fail(http.StatusTooManyRequests)
		c.finish()
		return
	}
	defer func() { // also when run panics to have the connection ended
		r.leave(c)
		c.finish()
		if c.limits != nil {
			c.linger()
		}
	}()
	c.run()
}

// run calls the handler. A panic of its goroutine becomes a 500 and a log line, and the process lives.
func (c *call) run() {
	if !c.bound(c.replica.settings.maxBodySize) {
		c.fail(http.StatusRequestEntityTooLarge)
		return
	}
	c.limit(&c.replica.settings)
	defer func() {
		reason := recover()
		if c.limits != nil {
			c.limits.settle()
		}
		if reason != nil && reason != http.ErrAbortHandler { //nolint:errorlint // net/http compares it so, too
			c.panicked(reason)
			if c.stage.CompareAndSwap(stageOpen, stageAnswered) {
				clear(c.Header())
				status := http.StatusInternalServerError
				if failure := int(c.failure.Load()); failure != 0 { // that is what it failed on
					status = failure
				}
				c.fail(status)
				return
			}
		}
		if reason != nil || !c.end() {
			// It has net/http end the connection: half an answer must not look like a whole one.
			panic(http.ErrAbortHandler)
		}
	}()
	c.replica.handler.ServeHTTP(c, c.request)
	c.begin(http.StatusOK) // a handler that writes nothing answers 200, with the identity too
}

// end closes the answer; false if its connection is to be ended.
func (c *call) end() bool {
	return c.stage.CompareAndSwap(stageBegun, stageOver) || c.stage.Load() != stageCut
}

func (c *call) panicked(reason any) {
	text := fmt.Sprint(reason)
	stack := strings.TrimSpace(string(debug.Stack()))
	c.replica.log.log(levelError, "call "+c.id+" failed: "+c.title()+": panic: "+text+"\n"+stack,
		c.fields(output.Field{Name: "error", Value: text + "\n" + stack})...)
}

// finish counts the call, and says a line about it if it is to.
func (c *call) finish() {
	seconds := time.Since(c.start).Seconds()
	status := c.status
	if status == 0 { // its connection was ended before there was any
		status = http.StatusInternalServerError
	}
	c.replica.metrics.count(status, c.method, seconds)
	which := levelDebug
	if c.replica.settings.logCalls {
		which = levelInfo
	}
	if !c.replica.log.wants(which) {
		return
	}
	c.replica.log.log(which,
		fmt.Sprintf("%s - %d %s - ContentLength: %s (%.4fs) [%s]",
			c.title(), status, http.StatusText(status), humanSize(c.written), seconds, c.id),
		c.fields(output.Field{Name: "status", Value: status}, output.Field{Name: "seconds", Value: seconds})...)
}

// humanSize writes 12B, 1.5kB, 2.25MB.
func humanSize(size int64) string {
	value, unit := float64(size), 0
	for value >= 1000 && unit < 4 {
		value /= 1000
		unit++
	}
	return strconv.FormatFloat(value, 'g', 4, 64) + [...]string{"B", "kB", "MB", "GB", "TB"}[unit]
}
