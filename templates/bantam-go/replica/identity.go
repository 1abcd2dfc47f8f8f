package replica

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"0/bantam/early"
)

// identity is what says in every answer which code of which deployment in which replica it came from. The slices are shared by
// all answers, so they have no room to be appended to.
type identity struct {
	revision, deploy, replica []string
}

func newIdentity(settings settings) *identity {
	return &identity{
		revision: []string{settings.revision}, deploy: []string{settings.deploy}, replica: []string{settings.replica},
	}
}

// mark sets the headers that every answer carries. It is done at the last moment: a handler that passes on the answer of
// another function must not pass on that one's identity.
func (c *call) mark(header http.Header) {
	var text [24]byte
	c.marks[0] = c.id
	c.marks[1] = c.begun
	c.marks[2] = string(appendSeconds(text[:0], time.Since(c.start)))
	// The names are in their canonical form, as Header.Set would make them.
	header["X-Bantam-Revision"] = c.replica.identity.revision
	header["X-Bantam-Deploy"] = c.replica.identity.deploy
	header["X-Bantam-Replica"] = c.replica.identity.replica
	header["X-Call-Id"] = c.marks[0:1:1]
	header["X-Start-Time"] = c.marks[1:2:2]
	header["X-Duration-Seconds"] = c.marks[2:3:3]
}

// identify reads the caller's id and start time from the request, or makes them and adds them to it: 26 characters, and
// nanoseconds since 1970.
func (c *call) identify(header http.Header) {
	if values := header["X-Call-Id"]; len(values) > 0 && early.IsID(values[0]) {
		c.id = values[0]
	} else {
		c.id = newID()
		c.given[0] = c.id
		header["X-Call-Id"] = c.given[0:1:1]
	}
	if values := header["X-Start-Time"]; len(values) > 0 && early.IsNumber(values[0]) {
		c.begun = values[0]
	} else {
		c.begun = strconv.FormatInt(c.start.UnixNano(), 10)
		c.given[1] = c.begun
		header["X-Start-Time"] = c.given[1:2:2]
	}
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// newID makes 26 characters of 128 random bits, in the manner of crypto/rand.Text. It names a call and keeps no secret, so it need
// not cost a system call.
func newID() string {
	var text [26]byte
	low, high := rand.Uint64(), rand.Uint64()
	for i := range 13 { // 64 bits are 12 characters and most of a 13th
		text[i], text[i+13] = alphabet[low&31], alphabet[high&31]
		low, high = low>>5, high>>5
	}
	return string(text[:])
}

// appendSeconds writes a duration as seconds with six decimals, without what makes fmt slow.
func appendSeconds(to []byte, duration time.Duration) []byte {
	microseconds := max(duration.Microseconds(), 0)
	to = strconv.AppendInt(to, microseconds/1e6, 10)
	// The 1 in front keeps the leading zeros of the fraction, and becomes the point.
	at := len(to)
	to = strconv.AppendInt(to, 1e6+microseconds%1e6, 10)
	to[at] = '.'
	return to
}
