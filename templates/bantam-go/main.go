// The process of a replica: opens its port, answers until a signal, drains, ends.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // the image holds nothing but this program

	_ "golang.org/x/crypto/x509roots/fallback" // used where the system has no certificates of its own

	"handler/function"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("bantam: ")
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	settings, err := readSettings(os.Getenv)
	if err != nil {
		return err
	}
	// So that a handler can join it with a secret's name without a default of its own.
	if err := os.Setenv("secret_mount_path", settings.secretFolder); err != nil {
		return err
	}
	replica := newReplica()
	server := &http.Server{
		Handler:           answer(settings, replica, http.HandlerFunc(function.Handle)),
		ReadHeaderTimeout: 30 * time.Second,
		// Longer than the gateway keeps idle connections, so that it is never we who close one that it is about to use.
		IdleTimeout: 75 * time.Second,
	}
	// As process 1 of a container there is no default action for a signal: without this it would be killed after a while.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)

	listener, err := net.Listen("tcp", net.JoinHostPort(settings.host, settings.port))
	if err != nil {
		return err
	}
	log.Printf("listening on port %d", listener.Addr().(*net.TCPAddr).Port)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	select {
	case err := <-served:
		return err
	case received := <-signals:
		log.Printf("%v: %d requests in flight", received, replica.inFlight())
	}
	go func() {
		<-signals // asked twice: at once
		os.Exit(1)
	}()
	return drain(server, replica, settings.drainTimeout)
}

// drain keeps answering until no request is in flight, then closes the port; after limit it cuts off what is left.
func drain(server *http.Server, replica *replica, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	select {
	case <-replica.drain():
	case <-ctx.Done():
	}
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		cutOff := replica.inFlight()
		_ = server.Close() // the process ends here anyway
		if cutOff > 0 {
			return fmt.Errorf("%d requests cut off after %v", cutOff, limit)
		}
		return nil
	}
	return err
}
