package replica

import (
	"context"
	"net/http"
	"sync"
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
	// cutting is held while the connection is taken away from the call, whose goroutine waits for that before it ends: net/http
	// would close the connection before the 504 is written.
	cutting sync.Mutex
}

// lastMoment is how much longer an answer may take that has begun: most are about to be over.
const lastMoment = 20 * time.Millisecond

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

// execOver answers 504, or ends the connection where the answer has begun and is not over in a moment.
func (l *limits) execOver() {
	if l.exempted.Load() {
		return
	}
	if l.cut(stageOpen, func() { l.call.answerRaw(http.StatusGatewayTimeout) }) {
		l.say("took longer than exec_timeout")
	} else if l.call.stage.Load() == stageBegun {
		time.AfterFunc(lastMoment, l.answerOver)
	}
}

// answerOver ends the connection of a call that has begun to answer. Its head may have turned out to be that of an event stream.
func (l *limits) answerOver() {
	if !l.exempted.Load() && l.cut(stageBegun, l.call.disconnect) {
		l.say("took longer than exec_timeout after its answer had begun")
	}
}

// writeOver ends the connection.
func (l *limits) writeOver() {
	if l.cut(stageOpen, l.call.disconnect) || l.cut(stageBegun, l.call.disconnect) {
		l.say("took longer than write_timeout")
	}
}

// cut takes the connection away from a call at that stage, does the last thing with it, and ends the handler's context.
func (l *limits) cut(stage int32, last func()) bool {
	l.cutting.Lock()
	defer l.cutting.Unlock()
	if !l.call.stage.CompareAndSwap(stage, stageCut) {
		return false
	}
	last()
	l.cancel(context.DeadlineExceeded)
	return true
}

func (l *limits) say(what string) {
	c := l.call
	c.replica.log.log(levelWarn, "call "+c.id+" "+what+": "+c.title(), c.fields()...)
}

// settle ends the clocks and waits for one that is at it.
func (l *limits) settle() {
	l.stop()
	l.cutting.Lock()
	defer l.cutting.Unlock()
	l.cancel(nil)
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
