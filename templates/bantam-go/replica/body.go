package replica

import (
	"errors"
	"io"
	"net/http"
	"os"
)

// body is a request's body with a largest size. Why it could not be read decides about the answer, whatever the handler makes
// of the error.
type body struct {
	io.ReadCloser
	call *call
	left int64 // -1: no limit
}

// bound puts the limit on the request's body. false: it says itself that it is larger, and nothing of it has been read.
func (c *call) bound(most int64) bool {
	if most > 0 && c.request.ContentLength > most {
		return false
	}
	if c.request.Body == nil || c.request.Body == http.NoBody {
		return true
	}
	c.body = body{ReadCloser: c.request.Body, call: c, left: -1}
	if most > 0 {
		c.body.left = most
	}
	c.request.Body = &c.body
	return true
}

func (b *body) Read(into []byte) (int, error) {
	if b.left >= 0 && int64(len(into)) > b.left+1 { // one more, to tell the end from too much
		into = into[:b.left+1]
	}
	count, err := b.ReadCloser.Read(into)
	if b.left >= 0 {
		if int64(count) > b.left {
			count, b.left = int(b.left), 0
			b.call.bodyFailed(http.StatusRequestEntityTooLarge)
			return count, &http.MaxBytesError{Limit: b.call.replica.settings.maxBodySize}
		}
		b.left -= int64(count)
	}
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		b.call.bodyFailed(http.StatusRequestTimeout)
	}
	return count, err
}

// bodyFailed makes the status the answer, or ends the connection where an answer has begun.
func (c *call) bodyFailed(status int) {
	c.failure.CompareAndSwap(0, int32(status))
	if c.stage.CompareAndSwap(stageBegun, stageCut) {
		c.disconnect()
	}
}
