package function

import (
	"html/template"
	"net/http"
	"os"
	"sync"
)

var (
	once sync.Once
	page *template.Template
	mux  *http.ServeMux
)

func setUp() {
	page = template.Must(template.ParseFiles("static/index.gohtml"))
	mux = http.NewServeMux()
	mux.Handle("/static/", http.StripPrefix("/static/", http.FileServer(http.Dir("./static"))))
	mux.HandleFunc("/about", func(w http.ResponseWriter, r *http.Request) {
		data, err := os.ReadFile("/home/app/static/about.txt")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write(data)
	})
	mux.HandleFunc("/old", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/about", http.StatusMovedPermanently)
	})
	mux.HandleFunc("/where", func(w http.ResponseWriter, r *http.Request) {
		folder, _ := os.Getwd()
		w.Write([]byte(folder))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		name := r.URL.Query().Get("name")
		if name == "" {
			name = "nobody"
		}
		page.Execute(w, map[string]string{"Name": name})
	})
}

// Handle serves a small site.
func Handle(w http.ResponseWriter, r *http.Request) {
	once.Do(setUp)
	mux.ServeHTTP(w, r)
}
