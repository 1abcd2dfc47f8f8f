package function

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"

	"handler/function/internal/store"
)

var (
	notes *store.Store
	mux   = http.NewServeMux()
)

func init() {
	notes = store.New()
	mux.HandleFunc("GET /notes", list)
	mux.HandleFunc("POST /notes", signed(add))
	mux.HandleFunc("GET /notes/{id}", show)
	mux.HandleFunc("GET /stream", stream)
}

// Handle routes to one of several functions.
func Handle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Notes", fmt.Sprint(notes.Count()))
	mux.ServeHTTP(w, r)
}

func list(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, notes.All())
}

func show(w http.ResponseWriter, r *http.Request) {
	note, found := notes.Find(r.PathValue("id"))
	if !found {
		http.Error(w, "no such note", http.StatusNotFound)
		return
	}
	answer(w, http.StatusOK, note)
}

func add(w http.ResponseWriter, r *http.Request) {
	var note store.Note
	if err := json.NewDecoder(r.Body).Decode(&note); err != nil {
		http.Error(w, "not a note", http.StatusBadRequest)
		return
	}
	answer(w, http.StatusCreated, notes.Add(note.Text))
}

func stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	for line := range 3 {
		fmt.Fprintf(w, "{\"line\":%d}\n", line)
		w.(http.Flusher).Flush()
	}
}

// signed lets only those through who know the secret.
func signed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		secret, err := os.ReadFile("/var/openfaas/secrets/notes-key")
		if err != nil {
			http.Error(w, "no secret", http.StatusInternalServerError)
			return
		}
		body, _ := io.ReadAll(r.Body)
		defer r.Body.Close()
		mac := hmac.New(sha256.New, bytes.TrimSpace(secret))
		mac.Write(body)
		if given, _ := hex.DecodeString(r.Header.Get("X-Signature")); !hmac.Equal(given, mac.Sum(nil)) {
			http.Error(w, "who are you?", http.StatusForbidden)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next(w, r)
	}
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value)
}
