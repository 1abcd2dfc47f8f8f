package main

import (
	"bufio"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"regexp"
)

var plainCallID = regexp.MustCompile(`^[\x21-\x7e]{1,128}$`)

// mark prepares the answer to one request: it says which code of which deployment in which replica answered, and which
// call it was. The caller's call id is kept if it is a plain one, else one is made.
func mark(w http.ResponseWriter, settings settings, r *http.Request) *markedWriter {
	id := r.Header.Get("X-Call-Id")
	if !plainCallID.MatchString(id) {
		id = rand.Text()
		r.Header.Set("X-Call-Id", id)
	}
	marked := &markedWriter{ResponseWriter: w, identity: map[string]string{
		"X-Bantam-Revision": settings.revision,
		"X-Bantam-Deploy":   settings.deploy,
		"X-Bantam-Replica":  settings.replica,
		"X-Call-Id":         id,
	}}
	return marked
}

// markedWriter sets the identity at the last moment: a handler that passes on the answer of another function must not
// pass on that one's identity. It offers what net/http's own writer does.
type markedWriter struct {
	http.ResponseWriter
	identity map[string]string
	written  bool
}

func (w *markedWriter) WriteHeader(status int) {
	for name, value := range w.identity {
		w.Header().Set(name, value)
	}
	w.written = w.written || status >= 200 || status == http.StatusSwitchingProtocols
	w.ResponseWriter.WriteHeader(status)
}

func (w *markedWriter) Write(data []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(data)
}

// ReadFrom keeps io.Copy from a file or a connection as cheap as without this writer.
func (w *markedWriter) ReadFrom(source io.Reader) (int64, error) {
	w.begin()
	return io.Copy(w.ResponseWriter, source)
}

func (w *markedWriter) Flush() {
	w.begin()
	_ = http.NewResponseController(w.ResponseWriter).Flush() // http.Flusher has no way to say that it failed
}

func (w *markedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.written = true
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// Unwrap lets http.ResponseController find the rest: deadlines, full duplex.
func (w *markedWriter) Unwrap() http.ResponseWriter {
	return w.ResponseWriter
}

func (w *markedWriter) begin() {
	if !w.written {
		w.WriteHeader(http.StatusOK)
	}
}
