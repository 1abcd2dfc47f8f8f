package function

import (
	"net/http"

	"example.com/private/greeting"
)

// Handle greets with a module that no proxy has.
func Handle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	w.Write([]byte(greeting.For(r.URL.Query().Get("name"))))
}
