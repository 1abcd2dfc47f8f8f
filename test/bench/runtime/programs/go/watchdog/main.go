// A small proxying watchdog, for machines without the real one: it starts a child process, passes every request to it,
// counts and times the answers for Prometheus, and logs a line for each. Settings by environment, under the real names:
// port, metrics_port, fprocess, upstream_url.
package main

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// counted is one series: answers of one method and status, and the time they took.
type counted struct {
	answers uint64
	seconds float64
}

type metrics struct {
	mutex  sync.Mutex
	series map[string]counted
}

func (m *metrics) add(method string, status int, took time.Duration) {
	labels := fmt.Sprintf("{code=%q,method=%q}", fmt.Sprint(status), strings.ToLower(method))
	m.mutex.Lock()
	defer m.mutex.Unlock()
	one := m.series[labels]
	m.series[labels] = counted{one.answers + 1, one.seconds + took.Seconds()}
}

func (m *metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for labels, one := range m.series {
		fmt.Fprintf(w, "http_requests_total%s %d\n", labels, one.answers)
		fmt.Fprintf(w, "http_request_duration_seconds_sum%s %f\n", labels, one.seconds)
	}
}

// noted remembers the status of an answer; Unwrap lets the proxy flush through it.
type noted struct {
	http.ResponseWriter
	status int
}

func (n *noted) WriteHeader(status int) {
	n.status = status
	n.ResponseWriter.WriteHeader(status)
}

func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }

func main() {
	upstream, err := url.Parse(os.Getenv("upstream_url"))
	if err != nil {
		log.Fatal(err)
	}
	command := strings.Fields(os.Getenv("fprocess"))
	if len(command) == 0 {
		log.Fatal("fprocess is empty")
	}
	child := exec.Command(command[0], command[1:]...)
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	if err := child.Start(); err != nil {
		log.Fatal(err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for received := range signals {
			_ = child.Process.Signal(received) // fails only when the child has ended, and then this process ends too
		}
	}()
	go func() { log.Fatal("the child has ended: ", child.Wait()) }()

	count := &metrics{series: map[string]counted{}}
	go func() { log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("metrics_port"), count)) }()
	// Idle connections to the child are kept, or every second request would open one.
	transport := &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, DisableCompression: true}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(upstream); r.SetXForwarded() },
		Transport: transport,
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("port"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		answer := &noted{w, http.StatusOK}
		proxy.ServeHTTP(answer, r)
		took := time.Since(began)
		count.add(r.Method, answer.status, took)
		log.Printf("%s %s - %d (%.4fs)", r.Method, r.URL.Path, answer.status, took.Seconds())
	})))
}
