package main

import (
	"fmt"
	"log"
	"net/http"
	"runtime/debug"
	"strings"
)

// answer answers /_/health and /_/ready without any of the user's code, and hands every other request to the handler.
func answer(settings settings, replica *replica, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		replica.begin()
		defer replica.end()
		marked := mark(w, settings, r)
		if replica.isDraining() {
			w.Header().Set("Connection", "close")
		}
		switch r.URL.Path {
		case "/_/health":
			report(marked, "")
		case "/_/ready":
			if replica.isDraining() {
				report(marked, "draining: no new calls, please")
				return
			}
			report(marked, "")
		default:
			call(marked, r, handler)
		}
	})
}

// report answers 200, or 503 with the reason why not.
func report(w http.ResponseWriter, problem string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	// It is about this replica and this moment: a copy kept on the way would prove nothing.
	w.Header().Set("Cache-Control", "no-store")
	if problem == "" {
		fmt.Fprintln(w, "OK")
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprintln(w, problem)
}

// call runs the handler; a panic of its goroutine becomes a 500 and a log line, and the process lives.
func call(w *markedWriter, r *http.Request, handler http.Handler) {
	defer func() {
		reason := recover()
		if reason == nil {
			return
		}
		if reason == http.ErrAbortHandler { // the handler's way to cut the connection
			panic(reason)
		}
		id := w.identity["X-Call-Id"]
		stack := strings.ReplaceAll(strings.TrimSpace(string(debug.Stack())), "\n", " | ")
		log.Printf("call %s failed: %s %s: panic: %s | %s", id, r.Method, r.URL.RequestURI(), oneLine(reason), stack)
		if w.written { // half an answer must not look like a whole one
			panic(http.ErrAbortHandler)
		}
		http.Error(w, fmt.Sprintf("The function failed; its log says why, under call %s.", id), http.StatusInternalServerError)
	}()
	handler.ServeHTTP(w, r)
	w.begin() // a handler that writes nothing answers 200, with the identity too
}

func oneLine(reason any) string {
	return strings.ReplaceAll(fmt.Sprint(reason), "\n", " | ")
}
