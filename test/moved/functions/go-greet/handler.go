package function

import (
	"fmt"
	"net/http"

	handler "github.com/openfaas/templates-sdk/go-http"
)

// Handle a function invocation
func Handle(req handler.Request) (handler.Response, error) {
	if req.Method == http.MethodGet && req.QueryString == "" {
		// No status: the template's default.
		return handler.Response{Body: []byte("Hello, stranger")}, nil
	}
	if req.QueryString == "empty" {
		return handler.Response{}, nil
	}

	return handler.Response{
		Body:       []byte(fmt.Sprintf("%s %q host=%q agent=%s body=%s", req.Method, req.QueryString, req.Host, req.Header.Get("User-Agent"), req.Body)),
		StatusCode: http.StatusAccepted,
		Header: map[string][]string{
			"X-Served-By":  {"greet"},
			"Set-Cookie":   {"a=1", "b=2"},
			"Content-Type": {"text/x-greeting"},
		},
	}, nil
}
