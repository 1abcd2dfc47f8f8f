package function

import (
	"encoding/json"
	"io"
	"net/http"
)

type greeting struct {
	Name string `json:"name"`
}

// Handle answers one request: {"name": "Pi"} in the body, or ?name=Pi.
func Handle(w http.ResponseWriter, r *http.Request) {
	whom := greeting{Name: r.URL.Query().Get("name")}
	if err := json.NewDecoder(r.Body).Decode(&whom); err != nil && err != io.EOF {
		http.Error(w, "a JSON object is needed: "+err.Error(), http.StatusBadRequest)
		return
	}
	if whom.Name == "" {
		whom.Name = "world"
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"message": "Hello, " + whom.Name + "!"}) // fails only when the caller has gone
}
