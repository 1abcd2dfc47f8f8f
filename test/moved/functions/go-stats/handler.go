package function

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"handler/function/pkg/series"

	handler "github.com/openfaas/templates-sdk/go-http"
)

var (
	units map[string]string
	calls atomic.Int64
)

func init() {
	text, err := os.ReadFile("./static/units.txt")
	if err != nil {
		panic(err)
	}
	units = map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		name, sign, _ := strings.Cut(line, " ")
		units[name] = sign
	}
}

// Handle sums up numbers, and gives up when its caller does.
func Handle(req handler.Request) (handler.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), 5*time.Second)
	defer cancel()

	numbers, err := series.Parse(string(req.Body))
	if err != nil {
		return handler.Response{StatusCode: http.StatusBadRequest, Body: []byte(err.Error())}, nil
	}
	select {
	case <-ctx.Done():
		return handler.Response{StatusCode: http.StatusGatewayTimeout}, ctx.Err()
	case <-time.After(10 * time.Millisecond):
	}
	return handler.Response{
		StatusCode: http.StatusOK,
		Body:       []byte(fmt.Sprintf("call %d: sum %g%s, mean %g", calls.Add(1), series.Sum(numbers), units[req.QueryString], series.Mean(numbers))),
	}, nil
}
