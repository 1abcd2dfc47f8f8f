package replica

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"0/bantam/early/signals"
)

// look is how often the end of the last call is looked for.
const look = 5 * time.Millisecond

// ending is what there is when the replica begins to end.
type ending struct {
	listener *listener
	// served says that all connections have been accepted that there will be.
	served <-chan error
	// first is the signal, which may have come while the function was loading; heard has those that follow.
	first signals.First
	heard <-chan os.Signal
}

// drain ends the replica after a signal, and returns the exit code of the process. Calls are accepted for healthcheckInterval
// after it, then the port closes, and what is in flight is finished. At drainTimeout, or at another signal, the rest is cut off.
func (r *replica) drain(end ending) int {
	r.draining.Store(true)
	name, since := end.first.Name(), time.Since(end.first.At)
	r.log.log(levelInfo, fmt.Sprintf("%s: %d requests in flight", name, r.inFlight()))
	window := r.settings.healthcheckInterval - since
	if window > 0 && r.hasLostNetwork() {
		r.log.log(levelInfo, name+": no network left, not waiting")
		window = 0
	}
	limit := time.NewTimer(r.settings.drainTimeout - since)
	defer limit.Stop()
	accepting := time.NewTimer(window)
	defer accepting.Stop()
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	closed := false
	for {
		select {
		case <-accepting.C:
			end.listener.stop()
			r.endHijacked()
		case <-end.served:
			closed = true
		case <-ticker.C:
			if closed && r.isDone() {
				return 0
			}
		case <-limit.C:
			return r.cutOff(fmt.Sprintf("after %v", r.settings.drainTimeout))
		case again := <-end.heard:
			since = time.Since(end.first.At).Round(time.Millisecond)
			return r.cutOff(fmt.Sprintf("by a second signal (%s) after %v", signals.Name(again), since))
		}
	}
}

// endHijacked ends the contexts of WebSockets: they would last for ever, and their handlers can say that they go away.
func (r *replica) endHijacked() {
	for _, c := range r.calls() {
		if c.hijacked.Load() && c.limits != nil {
			c.limits.cancel(nil)
		}
	}
}

// isDone closes the connections that nobody uses any more, and says whether none is left.
func (r *replica) isDone() bool {
	left := r.connections.closeIdle()
	return left == 0 && len(r.unanswered()) == 0
}

// unanswered are the calls whose callers still wait: not those that were answered 504 while their handlers run on.
func (r *replica) unanswered() []*call {
	return slices.DeleteFunc(r.calls(), func(c *call) bool { return c.gone.Load() })
}

// cutOff names the calls that end with the process. Without one it ends well.
func (r *replica) cutOff(when string) int {
	calls := r.unanswered()
	if len(calls) == 0 {
		return 0
	}
	var names []string
	for _, c := range calls {
		names = append(names, fmt.Sprintf("%s [%s] %.3fs", c.title(), c.id, time.Since(c.start).Seconds()))
	}
	r.log.log(levelError, fmt.Sprintf("%d requests cut off %s: %s", len(calls), when, strings.Join(names, ", ")))
	return 1
}
