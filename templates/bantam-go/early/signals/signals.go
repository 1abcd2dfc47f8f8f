// Package signals hears SIGTERM and SIGINT while the function is loading. Package early has made sure that such a signal ends
// nothing; here it is acted upon: the port closes after healthcheck_interval, calls that wait go on waiting for the function,
// and the process ends when there are none, or at drain_timeout with 503 for all of them.
//
// It is initialised right after package os/signal. A package of the function that needs little of the standard library may come
// before that: while its init() blocks, a signal waits, too.
package signals

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"0/bantam/early"
	"0/bantam/output"
)

// The defaults of healthcheck_interval and drain_timeout: as long as gateways were seen to send calls to a replica that is
// ending, with some to spare, and below the 30 s after which providers kill what has not ended.
const (
	AcceptFor = "3s"
	DrainFor  = "25s"
)

// First is the signal that ends this process, and when it came. Without one, Signal is nil.
type First struct {
	Signal os.Signal
	At     time.Time
}

// Name is the signal's usual name.
func (f First) Name() string { return Name(f.Signal) }

// Name is the usual name of one of the two signals.
func Name(which os.Signal) string {
	if which == os.Interrupt {
		return "SIGINT"
	}
	return "SIGTERM"
}

var (
	heard    = make(chan os.Signal, 2)
	settled  = make(chan First)
	watching bool
)

func init() {
	if watching = early.Begun(); watching { // not in a test
		if early.IsOpen() && output.Asked == output.JSON {
			say("listening on port " + strconv.Itoa(early.Number()))
		}
		listen()
		go watch()
	}
}

// listen may be called again: the function's code can have reset signals meanwhile.
func listen() { signal.Notify(heard, syscall.SIGTERM, os.Interrupt) }

// Settle ends what is for the start alone: the caller acts on the signal that has come, if any, and on those that come.
func Settle() (First, <-chan os.Signal) {
	listen()
	if !watching {
		return First{}, heard
	}
	return <-settled, heard
}

func watch() {
	var first First
	var full, over <-chan time.Time
	for {
		select {
		case received := <-heard:
			if first.Signal != nil {
				early.Refuse()
				end("a second signal (" + Name(received) + ")")
			}
			if !early.IsOpen() { // nobody can be waiting
				end(Name(received))
			}
			first = First{received, time.Now()}
			say(first.Name() + ": the handler is still loading")
			full = time.After(read("healthcheck_interval", AcceptFor))
			over = time.After(read("drain_timeout", DrainFor))
		case <-full:
			early.Close()
		case <-over:
			early.Refuse()
			end("drain_timeout")
		case <-early.Ended():
			end("no call waits")
		case settled <- first:
			return
		}
	}
}

// end ends the process. All calls that waited have been answered.
func end(reason string) {
	say(reason + ": ends before the handler has loaded")
	output.Close()
	os.Exit(0)
}

// say writes a line of the runtime's log.
func say(message string) {
	if level := os.Getenv("log_level"); level == "error" || level == "warn" {
		return
	}
	line := []byte("bantam: " + message + "\n")
	if output.Asked == output.JSON {
		line = output.AppendObject(nil, time.Now(), "info", []byte(message))
	}
	_, _ = output.Err.Write(line) // there is no other place to say that this one fails
}

// read reads a setting. One that makes no sense is refused later, when all of them are read.
func read(name, otherwise string) time.Duration {
	if duration, ok := ReadTime(os.Getenv(name)); ok {
		return duration
	}
	duration, _ := ReadTime(otherwise)
	return duration
}

// ReadTime reads 1m30s, 500ms or a whole number of seconds.
func ReadTime(text string) (time.Duration, bool) {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	duration, err := time.ParseDuration(text)
	return duration, err == nil && duration >= 0
}
