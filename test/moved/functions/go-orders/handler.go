package function

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/ioutil"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"

	handler "github.com/openfaas/templates-sdk/go-http"
)

type order struct {
	ID    int    `json:"id"`
	Item  string `json:"item"`
	Count int    `json:"count"`
}

var errSoldOut = errors.New("sold out")

// Handle a function invocation
func Handle(req handler.Request) (handler.Response, error) {
	key, err := readSecret("orders-api-key")
	if err != nil {
		return handler.Response{}, fmt.Errorf("error reading secret. %v", err)
	}
	if req.Header.Get("Authorization") != "Bearer "+key {
		return handler.Response{StatusCode: http.StatusUnauthorized, Body: []byte("no key, no order\n")}, nil
	}

	query, err := url.ParseQuery(req.QueryString)
	if err != nil {
		return handler.Response{StatusCode: http.StatusBadRequest}, nil
	}
	log.Printf("%s with %d bytes", req.Method, len(req.Body))

	var placed order
	if err := json.Unmarshal(req.Body, &placed); err != nil {
		return handler.Response{Body: []byte("not an order: " + err.Error())}, err
	}
	if placed.Count > 100 {
		return handler.Response{
			Body:       []byte(`{"error":"sold out"}`),
			Header:     http.Header{"Content-Type": {"application/json"}},
			StatusCode: http.StatusConflict,
		}, errSoldOut
	}
	placed.ID = len(query["tag"]) + 1
	body, err := json.Marshal(placed)

	return handler.Response{
		Body:       body,
		Header:     http.Header{"Content-Type": {"application/json"}, "Location": {fmt.Sprintf("/orders/%d", placed.ID)}},
		StatusCode: http.StatusCreated,
	}, err
}

func readSecret(name string) (string, error) {
	folder := os.Getenv("secret_mount_path")
	if len(folder) == 0 {
		folder = "/var/openfaas/secrets"
	}
	text, err := ioutil.ReadFile(folder + "/" + name)
	return strings.TrimSpace(string(text)), err
}
