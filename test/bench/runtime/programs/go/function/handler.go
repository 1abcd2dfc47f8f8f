package function

import (
	"encoding/json"
	"net/http"
)

// Handle is the handler of the bench, the same in every contestant that is written in Go.
func Handle(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	if name == "" {
		name = "world"
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"message": "Hello, " + name + "!"}) // fails only when the caller has gone
}
