//go:build !linux || !(amd64 || arm64 || arm)

package early

import "time"

var first = time.Now()

func now() int64 { return int64(time.Since(first)) }

var (
	opened bool
	number int
	ended  chan struct{}
)

func begin() {}

func closeEarly() {}

func refuseEarly() {}

func take() (Port, bool) { return Port{}, false }
