package replica

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	handler "github.com/openfaas/templates-sdk/go-http"

	"0/bantam/early"
)

func testReplica(t testing.TB, handler http.Handler, environment map[string]string) (*replica, *bytes.Buffer) {
	t.Helper()
	settings, err := readSettings(func(name string) string { return environment[name] })
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	return newReplica(settings, handler, newLogger(&said, settings)), &said
}

func TestStructured(t *testing.T) {
	served := Adapt(func(request handler.Request) (handler.Response, error) {
		if request.Context() == nil {
			t.Error("no context")
		}
		if request.QueryString == "fail" {
			return handler.Response{Body: []byte("no luck"), StatusCode: http.StatusTeapot}, errors.New("reason")
		}
		text := request.Method + " " + request.Host + " " + request.Header.Get("X-Word") + " " + string(request.Body)
		return handler.Response{Body: []byte(text), Header: http.Header{"X-Answer": {"1", "2"}}}, nil
	})
	replica, said := testReplica(t, served, nil)
	for target, want := range map[string]struct {
		status int
		body   string
	}{
		"http://here/?a=b":  {http.StatusOK, "POST here word body"},
		"http://here/?fail": {http.StatusInternalServerError, "no luck"},
	} {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequest(http.MethodPost, target, io.MultiReader(strings.NewReader("bo"), strings.NewReader("dy")))
		request.Header.Set("X-Word", "word")
		replica.ServeHTTP(recorder, request)
		if recorder.Code != want.status || recorder.Body.String() != want.body {
			t.Errorf("%s: got %d %q", target, recorder.Code, recorder.Body)
		}
		if values := recorder.Header()["X-Answer"]; want.status == http.StatusOK && len(values) != 2 {
			t.Errorf("headers are %v", recorder.Header())
		}
	}
	if !strings.Contains(said.String(), "failed: POST /: reason\n") {
		t.Errorf("the log is %q", said)
	}
}

func TestIdentityCannotBeForged(t *testing.T) {
	replica, _ := testReplica(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"X-Bantam-Deploy", "X-Call-Id", "X-Duration-Seconds"} {
			w.Header().Add(name, "theirs")
			w.Header().Add(name, "theirs")
		}
	}), map[string]string{"BANTAM_DEPLOY": "ours"})
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("X-Call-Id", "caller-1")
	request.Header.Set("X-Start-Time", "1700000000000000000")
	replica.ServeHTTP(recorder, request)
	for name, want := range map[string]string{
		"X-Bantam-Deploy": "ours", "X-Call-Id": "caller-1", "X-Start-Time": "1700000000000000000",
	} {
		if got := recorder.Header().Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q", name, got)
		}
	}
}

func TestIDs(t *testing.T) {
	if first, second := newID(), newID(); first == second || !early.IsID(first) || len(first) != 26 {
		t.Errorf("ids are %q, %q", first, second)
	}
	for id, want := range map[string]bool{"a": true, "": false, "a b": false, "ä": false, strings.Repeat("x", 129): false} {
		if early.IsID(id) != want {
			t.Errorf("%q", id)
		}
	}
}

func TestSecretsAreHidden(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"a": "abcd\n", "longer": "abcdef", "short": "xyz", "empty": ""} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	secrets := secretTexts{folder: folder}
	if got := secrets.hide("abcdef abcd xyz"); got != "*** *** xyz" {
		t.Errorf("got %q", got)
	}
}

func TestSizes(t *testing.T) {
	for size, want := range map[int64]string{0: "0B", 12: "12B", 1500: "1.5kB", 2_250_000: "2.25MB"} {
		if got := humanSize(size); got != want {
			t.Errorf("%d is %q", size, got)
		}
	}
	for text, want := range map[string]int64{"0": 0, "7": 7, "2kb": 2048, "1 MB": 1 << 20, "3gb": 3 << 30, "5000000000": 5e9} {
		read := reader{get: func(string) string { return text }}
		if got := read.size("max_body_size", ""); got != want || read.err != nil {
			t.Errorf("%q is %d, %v", text, got, read.err)
		}
	}
}

func BenchmarkServe(b *testing.B) {
	replica, _ := testReplica(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}), nil)
	b.ReportAllocs()
	for b.Loop() {
		request := &http.Request{Method: http.MethodGet, URL: root, Header: http.Header{}, Body: http.NoBody}
		replica.ServeHTTP(&nothing{header: http.Header{}}, request)
	}
}

var root = httptest.NewRequest(http.MethodGet, "/", nil).URL

type nothing struct{ header http.Header }

func (n *nothing) Header() http.Header            { return n.header }
func (n *nothing) Write(data []byte) (int, error) { return len(data), nil }
func (n *nothing) WriteHeader(int)                {}
