// Package handler has the types with which functions of OpenFaaS' golang-http template are written, under their names: such a
// function is compiled against these, and bantam serves it. The import path is theirs because it is in the function's sources.
package handler

import (
	"context"
	"net/http"
)

// Request is one call, with its whole body.
type Request struct {
	Body        []byte
	Header      http.Header
	QueryString string
	Method      string
	Host        string
	context     context.Context
}

// Context ends when the caller leaves or the time for the call is over.
func (r *Request) Context() context.Context {
	if r.context == nil {
		return context.Background()
	}
	return r.context
}

// WithContext gives the request another context. It panics without one, as http.Request does.
func (r *Request) WithContext(ctx context.Context) {
	if ctx == nil {
		panic("a request needs a context")
	}
	r.context = ctx
}

// Response is the answer to a call. StatusCode 0 means 200.
type Response struct {
	Body       []byte
	StatusCode int
	Header     http.Header
}

// FunctionHandler is what a function may implement to be called through an interface.
type FunctionHandler interface {
	Handle(req Request) (Response, error)
}
