package function

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHandle(t *testing.T) {
	for _, test := range []struct {
		name, target, body string
		status             int
		want               string
	}{
		{"named in the body", "/", `{"name":"Pi"}`, http.StatusOK, `{"message":"Hello, Pi!"}`},
		{"named in the query", "/?name=Pi", "", http.StatusOK, `{"message":"Hello, Pi!"}`},
		{"nobody named", "/", "", http.StatusOK, `{"message":"Hello, world!"}`},
		{"no JSON", "/", "{", http.StatusBadRequest, "a JSON object is needed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			recorder := httptest.NewRecorder()
			Handle(recorder, httptest.NewRequest(http.MethodPost, test.target, strings.NewReader(test.body)))
			if recorder.Code != test.status || !strings.Contains(recorder.Body.String(), test.want) {
				t.Errorf("got %d %q, want %d and %q", recorder.Code, recorder.Body, test.status, test.want)
			}
		})
	}
}

func TestSecret(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("secret_mount_path", folder)
	if err := os.WriteFile(filepath.Join(folder, "token"), []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := secret("token"); got != "s3cret" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := secret("missing"); err == nil {
		t.Error("a missing secret is no error")
	}
}
