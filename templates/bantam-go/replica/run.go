// Package replica is what a process of the function does: it answers, counts, drains and ends as docs/runtime.md of bantam says.
package replica

import (
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"0/bantam/early"
	"0/bantam/early/signals"
	"0/bantam/output"
	"0/bantam/output/standard"
)

// Run serves the handler until the process is told to end. It does not return.
func Run(handler http.Handler) {
	settings, err := readSettings(os.Getenv)
	lines := newLogger(output.Err, settings)
	code := 1
	if err == nil {
		code, err = run(settings, handler, lines)
	}
	if err != nil {
		lines.log(levelError, err.Error())
	}
	output.Close()
	os.Exit(code)
}

func run(settings settings, handler http.Handler, lines *logger) (int, error) {
	if os.Getpid() == 1 {
		go reapOrphans()
	}
	standard.Settle()
	// So that a handler can join it with a secret's name without a default of its own.
	if err := os.Setenv("secret_mount_path", settings.secretFolder); err != nil {
		return 1, err
	}
	replica := newReplica(settings, handler, lines)
	if known, err := net.InterfaceAddrs(); err == nil {
		replica.addresses = known
	} else {
		lines.log(levelDebug, "the addresses of the network cannot be read: "+err.Error())
	}
	metricsPort, err := replica.serveMetrics()
	if err != nil {
		return 1, err
	}
	first, heard := signals.Settle()
	replica.draining.Store(first.Signal != nil)
	listener, taken, err := replica.listen()
	if err != nil {
		return 1, err
	}
	if !taken {
		lines.log(levelInfo, "listening on port "+portOf(listener))
	}
	lines.log(levelInfo, "metrics on port "+strconv.Itoa(metricsPort))
	lines.log(levelInfo, "handler loaded after "+time.Duration(early.Since()).Round(time.Millisecond).String())
	server := &http.Server{
		Handler:           replica,
		ErrorLog:          replica.errorLog(),
		ConnState:         replica.connections.follow,
		ConnContext:       remember,
		ReadTimeout:       settings.readTimeout,
		WriteTimeout:      settings.writeTimeout,
		ReadHeaderTimeout: headTime(settings.readTimeout),
		// Longer than the gateway keeps idle connections, so that it is never we who close one that it is about to use.
		IdleTimeout:                  75 * time.Second,
		DisableGeneralOptionsHandler: true,     // OPTIONS * is the handler's, and its answer carries our headers
		MaxHeaderBytes:               32 << 10, // more is 431: a thousand calls that wait must not fill a small machine's memory
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if first.Signal == nil {
		select {
		case err := <-served:
			return 1, err
		case received := <-heard:
			first = signals.First{Signal: received, At: time.Now()}
		}
	}
	return replica.drain(ending{listener, served, first, heard}), nil
}

// headTimeout is how long a request's head may take at most, without a read_timeout too: gateways send it at once, and a connection
// that never asks anything must not be kept for ever.
const headTimeout = 30 * time.Second

func headTime(readTimeout time.Duration) time.Duration {
	if readTimeout > 0 {
		return min(readTimeout, headTimeout)
	}
	return headTimeout
}

// errorLog takes what net/http has to say.
func (r *replica) errorLog() *log.Logger { return log.New(r.log, "", 0) }

func portOf(listener *listener) string { return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port) }

func readCloser(text string) io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }
