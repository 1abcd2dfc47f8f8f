package replica

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// replica is this process: its settings, what is in flight, and whether it is ending.
type replica struct {
	settings    settings
	identity    *identity
	handler     http.Handler
	log         *logger
	metrics     *metricsPage
	connections connections
	draining    atomic.Bool
	addresses   []net.Addr // of the network, when it started; none if they could not be read

	mutex   sync.Mutex
	first   *call // calls in flight, the newest first
	running int
}

func newReplica(settings settings, handler http.Handler, log *logger) *replica {
	r := &replica{
		settings:    settings,
		identity:    newIdentity(settings),
		handler:     handler,
		log:         log,
		connections: connections{all: map[*connection]struct{}{}},
	}
	r.metrics = newMetricsPage(r.inFlight)
	return r
}

func (r *replica) isDraining() bool { return r.draining.Load() }

// enter puts a call on the list; false if max_inflight calls are on it.
func (r *replica) enter(c *call) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if most := r.settings.maxInflight; most > 0 && r.running >= most {
		return false
	}
	r.running++
	c.next = r.first
	if c.next != nil {
		c.next.previous = c
	}
	r.first = c
	return true
}

// leave takes a call from the list.
func (r *replica) leave(c *call) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.running--
	if c.next != nil {
		c.next.previous = c.previous
	}
	if c.previous != nil {
		c.previous.next = c.next
	} else {
		r.first = c.next
	}
}

func (r *replica) inFlight() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.running
}

func (r *replica) isFull() bool {
	return r.settings.maxInflight > 0 && r.inFlight() >= r.settings.maxInflight
}

// calls lists what is in flight, the oldest first.
func (r *replica) calls() []*call {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	all := make([]*call, r.running)
	for c, at := r.first, r.running; c != nil; c = c.next {
		at--
		all[at] = c
	}
	return all
}
