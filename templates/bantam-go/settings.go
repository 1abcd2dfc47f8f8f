package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// settings is what the environment says about this replica.
type settings struct {
	port         string
	host         string // empty: all addresses, as a container needs
	secretFolder string
	drainTimeout time.Duration
	revision     string
	deploy       string
	replica      string
}

// readSettings returns an error that names the variable when a value makes no sense.
func readSettings(get func(string) string) (settings, error) {
	or := func(name, otherwise string) string {
		if value := get(name); value != "" {
			return value
		}
		return otherwise
	}
	hostName, err := os.Hostname()
	if err != nil {
		return settings{}, fmt.Errorf("this replica has no host name: %w", err)
	}
	read := settings{
		port:         or("port", "8080"),
		host:         get("BANTAM_HOST"),
		secretFolder: or("secret_mount_path", "/var/openfaas/secrets"),
		revision:     get("BANTAM_REVISION"),
		deploy:       get("BANTAM_DEPLOY"),
		replica:      hostName,
	}
	if _, err := strconv.ParseUint(read.port, 10, 16); err != nil {
		return settings{}, fmt.Errorf("the environment variable port is %q: a number from 0 to 65535 is needed", read.port)
	}
	// The default is below the 30 s after which Kubernetes kills a pod that has not ended.
	limit := or("drain_timeout", "25s")
	if read.drainTimeout, err = time.ParseDuration(limit); err != nil || read.drainTimeout < 0 {
		return settings{}, fmt.Errorf("the environment variable drain_timeout is %q: a time such as 25s, 500ms or 1m is needed", limit)
	}
	return read, nil
}
