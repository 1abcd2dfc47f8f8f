// Command recorded is the function that the recordings deploy: standard library only, static, no handler of a user.
//
// Environment: BANTAM_REVISION and BANTAM_DEPLOY are answered as headers; IMAGE (set by the image) and NOTE (set by a
// deployment) tell in the body which image and which settings answer. MODE=exit ends at start with code 1;
// START_DELAY=4s opens the port that much later.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	fmt.Printf("start of image %s\n", os.Getenv("IMAGE"))
	if os.Getenv("MODE") == "exit" {
		fmt.Fprintln(os.Stderr, "ends at start: asked to")
		os.Exit(1)
	}
	// As process 1 of a container a signal without a handler is ignored: catch it before the delay.
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	if delay, err := time.ParseDuration(os.Getenv("START_DELAY")); err == nil {
		select {
		case <-time.After(delay):
		case <-stop.Done():
			return
		}
	}
	host, _ := os.Hostname()
	server := &http.Server{Addr: ":8080", Handler: identified(host, routes(host)), ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	fmt.Println("listens on 8080")
	select {
	case err := <-ended:
		if !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case <-stop.Done():
		fmt.Println("asked to stop")
		drain, release := context.WithTimeout(context.Background(), 5*time.Second)
		defer release()
		_ = server.Shutdown(drain)
	}
}

// identified puts the identity of this replica on every answer.
func identified(host string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Bantam-Revision", os.Getenv("BANTAM_REVISION"))
		w.Header().Set("X-Bantam-Deploy", os.Getenv("BANTAM_DEPLOY"))
		w.Header().Set("X-Bantam-Replica", host)
		next.ServeHTTP(w, r)
	})
}

func routes(host string) http.Handler {
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }
	mux.HandleFunc("/_/health", ok)
	mux.HandleFunc("/_/ready", ok)
	mux.HandleFunc("/secret/{name}", func(w http.ResponseWriter, r *http.Request) {
		value, err := os.ReadFile("/var/openfaas/secrets/" + r.PathValue("name"))
		if err != nil {
			http.Error(w, "no such secret", http.StatusNotFound)
			return
		}
		_, _ = w.Write(value)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if wait, err := time.ParseDuration(r.URL.Query().Get("wait")); err == nil {
			time.Sleep(min(wait, time.Minute))
		}
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		fmt.Printf("answers %s %s\n", r.Method, r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{
			"image": os.Getenv("IMAGE"), "note": os.Getenv("NOTE"), "replica": host,
			"method": r.Method, "path": r.URL.Path, "query": r.URL.RawQuery, "body": string(body),
		})
	})
	return mux
}
