package replica

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// metricsPage counts calls under the names of of-watchdog.
type metricsPage struct {
	set *metrics.Set
	// series are found by status and method. The map is never changed, but replaced by a larger one: reading costs no lock.
	series atomic.Pointer[map[seriesKey]series]
	mutex  sync.Mutex
}

type seriesKey struct {
	status int
	method string
}

type series struct {
	total   *metrics.Counter
	seconds *metrics.PrometheusHistogram
}

func newMetricsPage(inFlight func() int) *metricsPage {
	metrics.ExposeMetadata(true) // the types, which Prometheus shows
	page := &metricsPage{set: metrics.NewSet()}
	page.set.NewGauge("http_requests_in_flight", func() float64 { return float64(inFlight()) })
	page.series.Store(&map[seriesKey]series{})
	return page
}

// count adds one call. Its buckets are the library's default ones, which are those of Prometheus.
func (m *metricsPage) count(status int, method string, seconds float64) {
	found, ok := (*m.series.Load())[seriesKey{status, method}]
	if !ok {
		found = m.add(status, method)
	}
	found.total.Inc()
	found.seconds.Update(seconds)
}

func (m *metricsPage) add(status int, method string) series {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	label := "unknown" // a caller who makes up methods must not fill the memory with series
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE":
		label = strings.ToLower(method)
	}
	labels := fmt.Sprintf(`{code="%d",method="%s"}`, status, label)
	added := series{
		total:   m.set.GetOrCreateCounter("http_requests_total" + labels),
		seconds: m.set.GetOrCreatePrometheusHistogram("http_request_duration_seconds" + labels),
	}
	if label == "unknown" {
		return added
	}
	larger := map[seriesKey]series{{status, method}: added}
	for key, value := range *m.series.Load() {
		larger[key] = value
	}
	m.series.Store(&larger)
	return added
}

func (m *metricsPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/metrics" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	m.set.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
	metrics.WriteFDMetrics(w)
}

// serveMetrics opens the port of the metrics and serves them until the process ends. It returns the port's number.
func (r *replica) serveMetrics() (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(r.settings.host, r.settings.metricsPort))
	if err != nil {
		return 0, err
	}
	server := &http.Server{Handler: r.metrics, ErrorLog: r.errorLog(), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // it ends with the process
	return listener.Addr().(*net.TCPAddr).Port, nil
}
