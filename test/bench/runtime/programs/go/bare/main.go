// The handler without any runtime: what a person writes who knows only net/http.
package main

import (
	"log"
	"net/http"
	"os"

	"bench/function"
)

func main() {
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("port"), http.HandlerFunc(function.Handle)))
}
