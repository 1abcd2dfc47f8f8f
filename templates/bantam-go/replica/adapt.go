package replica

import (
	"bytes"
	"io"
	"net/http"
	"strconv"

	handler "github.com/openfaas/templates-sdk/go-http"

	"0/bantam/output"
)

// Signature is how Handle may be written. Another one does not compile, and build.json has the words for that.
type Signature interface {
	func(http.ResponseWriter, *http.Request) | http.HandlerFunc | func(handler.Request) (handler.Response, error)
}

// Adapt makes an http.Handler of the function's Handle.
func Adapt[H Signature](handle H) http.Handler {
	switch handle := any(handle).(type) {
	case func(http.ResponseWriter, *http.Request):
		return http.HandlerFunc(handle)
	case http.HandlerFunc:
		return handle
	case func(handler.Request) (handler.Response, error):
		return structured(handle)
	}
	panic("Signature has a type that Adapt does not know")
}

// structured serves a function of OpenFaaS' golang-http template, as that template does: the whole body is read first; an error
// is logged and makes the status 500, with the body of the response; status 0 is 200; headers are taken as they are written.
type structured func(handler.Request) (handler.Response, error)

func (handle structured) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := readAll(r)
	if err != nil {
		// The caller has left, or it is 408 or 413 and will be said by the call.
		http.Error(w, "The request's body could not be read.", http.StatusBadRequest)
		return
	}
	request := handler.Request{
		Body:        body,
		Header:      r.Header,
		QueryString: r.URL.RawQuery,
		Method:      r.Method,
		Host:        r.Host,
	}
	request.WithContext(r.Context())
	response, err := handle(request)
	header := w.Header()
	for name, values := range response.Header {
		header[name] = values
	}
	status := response.StatusCode
	if err != nil {
		status = http.StatusInternalServerError
		if call, ok := w.(*call); ok {
			call.replica.log.log(levelError, "call "+call.id+" failed: "+call.title()+": "+err.Error(),
				call.fields(output.Field{Name: "error", Value: err.Error()})...)
		}
	}
	if status == 0 {
		status = http.StatusOK
	}
	if status < 200 { // which are no answers, and nothing comes behind them here
		panic("invalid status " + strconv.Itoa(status))
	}
	w.WriteHeader(status)
	_, _ = w.Write(response.Body) // fails only when the caller has gone
}

// readAll reads the body with one allocation where its length is known and believable.
func readAll(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return []byte{}, nil
	}
	if r.ContentLength > 0 && r.ContentLength < 1<<20 {
		body := make([]byte, r.ContentLength)
		_, err := io.ReadFull(r.Body, body)
		return body, err
	}
	var body bytes.Buffer
	_, err := body.ReadFrom(r.Body)
	return body.Bytes(), err
}
