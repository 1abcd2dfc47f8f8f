package replica

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"0/bantam/early/signals"
)

// settings is what the environment says about this replica. A duration or size of 0 is no limit.
type settings struct {
	host                string // empty: all addresses, as a container needs
	port, metricsPort   string
	secretFolder        string
	readTimeout         time.Duration
	writeTimeout        time.Duration
	execTimeout         time.Duration
	maxInflight         int
	maxBodySize         int64
	readyPath           string
	healthcheckInterval time.Duration
	drainTimeout        time.Duration
	logJSON             bool
	logLevel            level
	logCalls            bool
	revision            string
	deploy              string
	replica             string
}

// readSettings returns an error that names the variable when a value makes no sense.
func readSettings(get func(string) string) (settings, error) {
	hostName, err := os.Hostname()
	if err != nil {
		return settings{}, fmt.Errorf("this replica has no host name: %w", err)
	}
	read := reader{get: get}
	values := settings{
		host:         get("BANTAM_HOST"),
		port:         read.port("port", "8080"),
		metricsPort:  read.port("metrics_port", "8081"),
		secretFolder: read.text("secret_mount_path", "/var/openfaas/secrets"),
		readTimeout:  read.duration("read_timeout", "0"),
		writeTimeout: read.duration("write_timeout", "0"),
		execTimeout:  read.duration("exec_timeout", "0"),
		maxInflight:  read.count("max_inflight", "0"),
		maxBodySize:  read.size("max_body_size", "100mb"),
		readyPath:    read.path("ready_path"),
		// As long as gateways were seen to send calls after they had been told (docs/runtime.md).
		healthcheckInterval: read.duration("healthcheck_interval", signals.AcceptFor),
		// Below the 30 s after which Kubernetes kills a pod that has not ended.
		drainTimeout: read.duration("drain_timeout", signals.DrainFor),
		logJSON:      read.one("log_format", "text", "json") == "json",
		logLevel:     levels[read.one("log_level", "info", "error", "warn", "debug")],
		logCalls:     read.truth("log_call_id"),
		revision:     get("BANTAM_REVISION"),
		deploy:       get("BANTAM_DEPLOY"),
		// Several replicas of one machine have the same host name.
		replica: read.text("BANTAM_REPLICA", hostName),
	}
	// Package output reads these two, before there is anybody to tell that they are wrong.
	read.truth("prefix_logs")
	if read.count("log_buffer_size", "65536") == 0 {
		read.refuse("log_buffer_size", "0", "a number of bytes, 1 or more,")
	}
	// Read by the guard of bantam-ts. Go needs none, but a stack may name it for all of its functions.
	read.one("isolation", "guard", "none")
	return values, read.err
}

// reader reads settings and keeps the first error.
type reader struct {
	get func(string) string
	err error
}

func (r *reader) refuse(name, value, needed string) {
	if r.err == nil {
		r.err = fmt.Errorf("the environment variable %s is %q: %s is needed", name, value, needed)
	}
}

func (r *reader) text(name, otherwise string) string {
	if value := r.get(name); value != "" {
		return value
	}
	return otherwise
}

func (r *reader) port(name, otherwise string) string {
	value := r.text(name, otherwise)
	if _, err := strconv.ParseUint(value, 10, 16); err != nil {
		r.refuse(name, value, "a number from 0 to 65535")
	}
	return value
}

func (r *reader) count(name, otherwise string) int {
	value := r.text(name, otherwise)
	count, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		r.refuse(name, value, "a whole number, 0 or more,")
	}
	return int(count)
}

// duration reads 1m30s, 500ms or a whole number of seconds.
func (r *reader) duration(name, otherwise string) time.Duration {
	value := r.text(name, otherwise)
	duration, ok := signals.ReadTime(value)
	if !ok {
		r.refuse(name, value, "a time such as 25s, 500ms or 1m30s, or a whole number of seconds,")
	}
	return duration
}

// size reads 100mb, 64kb or a number of bytes.
func (r *reader) size(name, otherwise string) int64 {
	value := r.text(name, otherwise)
	number, shift := strings.ToLower(strings.TrimSpace(value)), 0
	for unit, bits := range map[string]int{"kb": 10, "mb": 20, "gb": 30} {
		if rest, found := strings.CutSuffix(number, unit); found {
			number, shift = strings.TrimSpace(rest), bits
			break
		}
	}
	size, err := strconv.ParseUint(strings.TrimSuffix(number, "b"), 10, 62)
	if err != nil || size > 1<<62>>shift {
		r.refuse(name, value, "a size such as 100mb, 64kb or 1gb")
	}
	return int64(size) << shift
}

func (r *reader) path(name string) string {
	value := r.get(name)
	if value != "" && !strings.HasPrefix(value, "/") {
		r.refuse(name, value, "a path that begins with /")
	}
	return value
}

func (r *reader) one(name string, allowed ...string) string {
	value := r.text(name, allowed[0])
	for _, candidate := range allowed {
		if value == candidate {
			return value
		}
	}
	r.refuse(name, value, "one of "+strings.Join(allowed, ", "))
	return allowed[0]
}

func (r *reader) truth(name string) bool {
	switch value := r.text(name, "false"); value {
	case "true", "1":
		return true
	case "false", "0":
	default:
		r.refuse(name, value, "true or false")
	}
	return false
}
