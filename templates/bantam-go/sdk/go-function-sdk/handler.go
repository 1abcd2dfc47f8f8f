// Package handler is the former name of github.com/openfaas/templates-sdk/go-http, for functions written before it moved.
package handler

import handler "github.com/openfaas/templates-sdk/go-http"

// Request is one call, with its whole body.
type Request = handler.Request

// Response is the answer to a call.
type Response = handler.Response

// FunctionHandler is what a function may implement to be called through an interface.
type FunctionHandler = handler.FunctionHandler
