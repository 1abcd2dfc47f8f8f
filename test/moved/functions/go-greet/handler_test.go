package function

import (
	"testing"

	handler "github.com/openfaas/templates-sdk/go-http"
)

func TestHandle(t *testing.T) {
	res, err := Handle(handler.Request{Method: "GET"})
	if err != nil || string(res.Body) != "Hello, stranger" {
		t.Fatal(res, err)
	}
}
