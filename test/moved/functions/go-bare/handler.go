package function

import (
	_ "embed"
	"net/http"

	handler "github.com/openfaas/templates-sdk/go-http"
)

//go:embed message.txt
var message []byte

// Handle a function invocation, of a function that has no go.mod of its own
func Handle(req handler.Request) (handler.Response, error) {
	return handler.Response{Body: message, StatusCode: http.StatusOK}, nil
}
