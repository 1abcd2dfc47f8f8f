package replica

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// limits ends one call when write_timeout or exec_timeout is over. The handler runs on in its goroutine, for Go has no way to
// stop it: its context is cancelled, what it writes is refused, and its connection has been ended.
type limits struct {
	call     *call
	cancel   context.CancelCauseFunc
	exec     *time.Timer
	write    *time.Timer
	exempted atomic.Bool
}

// limit starts the clocks. Without either time there is nothing to pay.
func (c *call) limit(settings *settings) {
	if settings.execTimeout == 0 && settings.writeTimeout == 0 && c.request.Header["Upgrade"] == nil {
		return
	}
	limits := &limits{call: c}
	ctx, cancel := context.WithCancelCause(c.request.Context())
	limits.cancel = cancel
	c.request = c.request.WithContext(ctx)
	c.limits = limits
	if settings.execTimeout > 0 {
		limits.exec = time.AfterFunc(settings.execTimeout, limits.execOver)
	}
	if settings.writeTimeout > 0 {
		limits.write = time.AfterFunc(settings.writeTimeout, limits.writeOver)
	}
}

// execOver answers 504, or ends the connection where the answer has begun.
func (l *limits) execOver() {
	if l.exempted.Load() {
		return
	}
	c := l.call
	defer l.cancel(context.DeadlineExceeded)
	if c.stage.CompareAndSwap(stageOpen, stageCut) {
		c.replica.log.log(levelWarn, "call "+c.id+" took longer than exec_timeout: "+c.title(), c.fields()...)
		c.answerRaw(http.StatusGatewayTimeout)
		return
	}
	// Looked at again: the head of an event stream may have been written meanwhile.
	if !l.exempted.Load() && c.stage.CompareAndSwap(stageBegun, stageCut) {
		c.replica.log.log(levelWarn, "call "+c.id+" took longer than exec_timeout after its answer had begun: "+c.title(), c.fields()...)
		c.disconnect()
	}
}

// writeOver ends the connection.
func (l *limits) writeOver() {
	c := l.call
	defer l.cancel(context.DeadlineExceeded)
	if c.stage.CompareAndSwap(stageOpen, stageCut) || c.stage.CompareAndSwap(stageBegun, stageCut) {
		c.replica.log.log(levelWarn, "call "+c.id+" took longer than write_timeout: "+c.title(), c.fields()...)
		c.disconnect()
	}
}

// exempt frees the call from exec_timeout.
func (l *limits) exempt() {
	l.exempted.Store(true)
	if l.exec != nil {
		l.exec.Stop()
	}
}

// stop ends the clocks: the call is over, or its connection is the handler's now.
func (l *limits) stop() {
	if l.exec != nil {
		l.exec.Stop()
	}
	if l.write != nil {
		l.write.Stop()
	}
}
