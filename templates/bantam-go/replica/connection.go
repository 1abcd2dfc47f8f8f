package replica

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// connection is one connection of a caller. It knows whether a request is under way on it, so that the end of the process
// closes none on which a call begins just then: http.Server.Shutdown would.
type connection struct {
	*net.TCPConn
	replica  *replica
	accepted time.Time
	state    atomic.Int32 // an http.ConnState
	// heard says that something of a request has arrived since the last answer.
	heard atomic.Bool
	// gone says that the caller got an answer, or lost the connection, while its handler still runs.
	gone atomic.Bool
	// arrived is when the head of a call that waited while the function was loading was seen; zero for all others.
	arrived time.Time
}

func (c *connection) Read(into []byte) (int, error) {
	count, err := c.TCPConn.Read(into)
	if count > 0 {
		c.heard.Store(true)
	} else if err != nil && c.heard.Load() && errors.Is(err, os.ErrDeadlineExceeded) && !c.isActive() {
		c.answer(http.StatusRequestTimeout, newCall(c.replica, nil, &http.Request{Header: http.Header{}, URL: &url.URL{}})) // half a head
	}
	return count, err
}

func (c *connection) isActive() bool { return http.ConnState(c.state.Load()) == http.StateActive }

// answer writes one of the runtime's own answers without net/http, and ends the connection's sending side.
func (c *connection) answer(status int, call *call) {
	header := http.Header{"Content-Type": plainText, "Connection": closing}
	call.mark(header)
	text := sentence(status, call.id)
	response := http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: header,
		ContentLength: int64(len(text)), Body: readCloser(text), Request: call.request,
	}
	// Ours to use: whoever reads slowly must not keep the clock's goroutine.
	_ = c.SetWriteDeadline(time.Now().Add(5 * time.Second))
	var whole bytes.Buffer
	_ = response.Write(&whole)    // which never fails
	_, _ = c.Write(whole.Bytes()) // fails only when the caller has gone
	_ = c.CloseWrite()
}

type connectionKey struct{}

// remember lets a call find its connection.
func remember(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// answerRaw answers from another goroutine than the call's: nothing of net/http's writer may be touched from there.
func (c *call) answerRaw(status int) {
	if connection, ok := c.request.Context().Value(connectionKey{}).(*connection); ok {
		c.status = status
		connection.answer(status, c)
		connection.gone.Store(true)
		c.gone.Store(true)
	}
}

// linger reads what is left of the body of a call that was answered raw, until its caller has seen the end, but not for long:
// closed with something unread, the connection would be reset, and the answer lost.
func (c *call) linger() {
	connection, ok := c.request.Context().Value(connectionKey{}).(*connection)
	if ok && c.body.call != nil && c.gone.Load() {
		_ = connection.SetReadDeadline(time.Now().Add(lingering)) // it may be closed already
		_, _ = io.Copy(io.Discard, connection.TCPConn)
	}
}

// disconnect ends the connection in the middle of an answer: half of one must not look like a whole one.
func (c *call) disconnect() {
	if connection, ok := c.request.Context().Value(connectionKey{}).(*connection); ok {
		_ = connection.Close() // it may be closed already
		connection.gone.Store(true)
		c.gone.Store(true)
	}
}

// connections are all that net/http knows of.
type connections struct {
	mutex sync.Mutex
	all   map[*connection]struct{}
}

func (c *connections) add(connection *connection) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.all[connection] = struct{}{}
}

// follow is told by net/http what becomes of a connection.
func (c *connections) follow(conn net.Conn, state http.ConnState) {
	connection, ok := conn.(*connection)
	if !ok {
		return
	}
	connection.state.Store(int32(state))
	switch state {
	case http.StateIdle:
		connection.heard.Store(false)
	case http.StateClosed, http.StateHijacked:
		c.mutex.Lock()
		defer c.mutex.Unlock()
		delete(c.all, connection)
	}
}

// newcomers is how long a connection may be silent after it was accepted and still be about to ask something.
const newcomers = time.Second

// closeIdle closes the connections that nobody uses, and returns how many are left whose callers wait. One with something to
// read is used.
func (c *connections) closeIdle() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	left := 0
	for connection := range c.all {
		if connection.gone.Load() {
			continue
		}
		left++
		isNew := http.ConnState(connection.state.Load()) == http.StateNew && time.Since(connection.accepted) < newcomers
		if !isNew && !connection.isActive() && !connection.heard.Load() && !hasInput(connection.TCPConn) {
			_ = connection.Close() // follow hears of it
		}
	}
	return left
}
