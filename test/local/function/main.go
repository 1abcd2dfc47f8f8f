// A function for the tests of cli/local: answers as OpenFaaS functions do, and misbehaves when its environment says so.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

var eaten [][]byte

func main() {
	fmt.Println("starting", os.Getenv("VERSION"))
	switch os.Getenv("MODE") {
	case "crash":
		fmt.Fprintln(os.Stderr, "there is no such thing as a start")
		os.Exit(3)
	case "deaf":
		time.Sleep(time.Hour)
	}
	var sick atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("/_/health", func(w http.ResponseWriter, r *http.Request) {
		if sick.Load() {
			w.WriteHeader(503)
		}
	})
	mux.HandleFunc("/sicken", func(w http.ResponseWriter, r *http.Request) { sick.Store(true) })
	mux.HandleFunc("/exit", func(w http.ResponseWriter, r *http.Request) { os.Exit(4) })
	mux.HandleFunc("/say", func(w http.ResponseWriter, r *http.Request) { fmt.Println(r.URL.Query().Get("text")) })
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		bytes, err := os.ReadFile(r.URL.Query().Get("path"))
		if err != nil {
			http.Error(w, err.Error(), 404)
			return
		}
		w.Write(bytes)
	})
	mux.HandleFunc("/write", func(w http.ResponseWriter, r *http.Request) {
		if err := os.WriteFile(r.URL.Query().Get("path"), []byte("x"), 0o600); err != nil {
			http.Error(w, err.Error(), 500)
		}
	})
	mux.HandleFunc("/fetch", func(w http.ResponseWriter, r *http.Request) {
		answer, err := http.Get(r.URL.Query().Get("url"))
		if err != nil {
			http.Error(w, err.Error(), 502)
			return
		}
		defer answer.Body.Close()
		w.WriteHeader(answer.StatusCode)
		io.Copy(w, answer.Body)
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		wait, _ := time.ParseDuration(r.URL.Query().Get("for"))
		time.Sleep(wait)
		fmt.Fprint(w, "slow but sure")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		host, _ := os.Hostname()
		folder, _ := os.Getwd()
		environment := map[string]string{}
		for _, pair := range os.Environ() {
			name, value, _ := strings.Cut(pair, "=")
			environment[name] = value
		}
		json.NewEncoder(w).Encode(map[string]any{
			"version": os.Getenv("VERSION"), "arch": runtime.GOARCH, "host": host, "uid": os.Getuid(),
			"method": r.Method, "path": r.URL.RequestURI(), "environment": environment,
			"folder": folder,
		})
	})
	mux.HandleFunc("/flood", func(w http.ResponseWriter, r *http.Request) {
		line := strings.Repeat("x", 999)
		for i := 0; i < 100_000; i++ {
			fmt.Println(line)
		}
		fmt.Println("the flood is over")
	})
	mux.HandleFunc("/eat", func(w http.ResponseWriter, r *http.Request) {
		for {
			bytes := make([]byte, 1<<20)
			for i := range bytes {
				bytes[i] = 1
			}
			eaten = append(eaten, bytes)
			time.Sleep(time.Millisecond)
		}
	})
	mux.HandleFunc("/start", func(w http.ResponseWriter, r *http.Request) {
		child := exec.Command("/bin/sleep", "1000")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: r.URL.Query().Get("session") == "own"}
		if r.URL.Query().Get("environment") == "none" {
			child.Env = []string{"A=b"}
		}
		if err := child.Start(); err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		fmt.Fprint(w, child.Process.Pid)
	})
	port := os.Getenv("port")
	if port == "" {
		port = "8080"
	}
	server := &http.Server{Addr: os.Getenv("BANTAM_HOST") + ":" + port, Handler: mux}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	drained := make(chan struct{})
	go func() {
		<-stop.Done()
		fmt.Println("draining")
		server.Shutdown(context.Background())
		close(drained)
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-drained
}
