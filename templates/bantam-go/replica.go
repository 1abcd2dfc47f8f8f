package main

import "sync"

// replica is where this process is in its life: answering, then draining.
type replica struct {
	mutex    sync.Mutex
	running  int
	draining bool
	idle     chan struct{}
}

func newReplica() *replica {
	return &replica{idle: make(chan struct{})}
}

// begin counts a request in.
func (r *replica) begin() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.running++
}

// end counts a request out.
func (r *replica) end() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.running--
	r.announceIdle()
}

func (r *replica) inFlight() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.running
}

func (r *replica) isDraining() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.draining
}

// drain makes the replica not ready from now on. The channel closes as soon as no request is in flight.
func (r *replica) drain() <-chan struct{} {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.draining = true
	r.announceIdle()
	return r.idle
}

func (r *replica) announceIdle() {
	if !r.draining || r.running > 0 {
		return
	}
	select {
	case <-r.idle: // closed already
	default:
		close(r.idle)
	}
}
