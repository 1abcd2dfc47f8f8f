// Package function is the contract handler in Go; ../README.md says what it does.
package function

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

var (
	calls, aborted, stubbornAnswers atomic.Int64
	gate                            atomic.Int64
)

func init() {
	gate.Store(http.StatusOK)
	load, after, _ := strings.Cut(os.Getenv("CONTRACT_LOAD"), ":")
	milliseconds, _ := strconv.Atoi(after)
	if load == "spin" {
		spin(milliseconds)
	} else {
		time.Sleep(time.Duration(milliseconds) * time.Millisecond)
	}
	if load == "fail" {
		panic("no such luck")
	}
}

// Handle answers one call.
func Handle(w http.ResponseWriter, r *http.Request) {
	calls.Add(1)
	number := func(name string) int {
		value, _ := strconv.Atoi(r.URL.Query().Get(name))
		return value
	}
	milliseconds := time.Duration(number("ms")) * time.Millisecond
	flush := func() { _ = http.NewResponseController(w).Flush() }
	// wait says whether the caller is still there.
	wait := func() bool {
		select {
		case <-time.After(milliseconds):
			return true
		case <-r.Context().Done():
			aborted.Add(1)
			return false
		}
	}
	if strings.HasPrefix(r.URL.Path, "/echo") {
		echo(w, r)
		return
	}
	switch r.URL.Path {
	case "/calls":
		fmt.Fprint(w, calls.Load())
	case "/status":
		w.WriteHeader(max(number("code"), http.StatusOK))
	case "/empty":
		w.WriteHeader(http.StatusNoContent)
	case "/whole":
		w.Write(readAll(r))
	case "/count":
		fmt.Fprint(w, len(readAll(r)))
	case "/stream":
		stream(w, r)
	case "/cookies":
		w.Header().Add("Set-Cookie", "a=1; Path=/")
		w.Header().Add("Set-Cookie", "b=2, really")
	case "/trailers":
		w.Header().Set("Trailer", "X-Checksum")
		readAll(r)
		fmt.Fprintf(w, "request trailer: %s", r.Trailer.Get("X-Sum"))
		w.Header().Set("X-Checksum", "abc123")
	case "/events":
		w.Header().Set("Content-Type", "text/event-stream")
		for event := 1; event <= number("count"); event++ {
			if event > 1 {
				time.Sleep(milliseconds)
			}
			if _, err := fmt.Fprintf(w, "data: %d\n\n", event); err != nil {
				return
			}
			flush()
		}
	case "/slow-answer":
		fmt.Fprint(w, "first ")
		flush()
		if wait() {
			fmt.Fprint(w, "last")
		}
	case "/sleep":
		if wait() {
			fmt.Fprint(w, "slept")
		}
	case "/aborted":
		fmt.Fprint(w, aborted.Load())
	case "/stubborn":
		time.Sleep(milliseconds)
		stubbornAnswers.Add(1)
		fmt.Fprint(w, "done all the same")
	case "/stubborn-answers":
		fmt.Fprint(w, stubbornAnswers.Load())
	case "/spin":
		spin(number("ms"))
		fmt.Fprint(w, "spun")
	case "/websocket":
		echoWebSocket(w, r)
	case "/foreign":
		for _, name := range []string{"X-Bantam-Revision", "X-Bantam-Deploy", "X-Bantam-Replica", "X-Call-Id", "X-Start-Time", "X-Duration-Seconds"} {
			w.Header().Add(name, "theirs")
		}
		w.Header().Set("X-Other", "kept")
		fmt.Fprint(w, "from another")
	case "/secret":
		fmt.Fprint(w, readSecret(r.URL.Query().Get("name")))
	case "/gate":
		if r.Method != http.MethodPost {
			w.WriteHeader(int(gate.Load()))
			return
		}
		gate.Store(int64(number("answer")))
		w.WriteHeader(http.StatusNoContent)
	case "/throw":
		panic("no luck\ntoday")
	case "/throw-text":
		panic(errors.New("just an error"))
	case "/throw-nothing":
		var nothing map[string]int
		nothing["x"] = 1
	case "/throw-strange":
		panic(struct{ Number int }{7})
	case "/throw-late":
		fmt.Fprint(w, "first ")
		flush()
		time.Sleep(50 * time.Millisecond)
		panic("no luck later")
	case "/throw-secret":
		panic("cannot log in with " + readSecret("token"))
	case "/nothing":
	case "/later":
		fmt.Fprint(w, "answered")
		go func() {
			time.Sleep(50 * time.Millisecond)
			panic("too late")
		}()
	case "/exit":
		os.Exit(number("code"))
	case "/say":
		target := os.Stdout
		if r.URL.Query().Get("stream") == "stderr" {
			target = os.Stderr
		}
		fmt.Fprintln(target, r.URL.Query().Get("text"))
	case "/log":
		line := strings.Repeat("x", 1023)
		for range number("mb") * 1024 {
			fmt.Println(line)
		}
	case "/long-line":
		fmt.Println(strings.Repeat("x", number("bytes")))
	default:
		http.NotFound(w, r)
	}
}

func readAll(r *http.Request) []byte {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	return body
}

func stream(w http.ResponseWriter, r *http.Request) {
	controller := http.NewResponseController(w)
	_ = controller.EnableFullDuplex()
	buffer := make([]byte, 32*1024)
	for {
		n, err := r.Body.Read(buffer)
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return
			}
			_ = controller.Flush()
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler) // half a body must not give a whole answer
		}
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	headers := map[string]string{}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	answer := map[string]any{
		"method": r.Method, "path": r.URL.EscapedPath(), "query": r.URL.RawQuery, "headers": headers, "body": string(readAll(r)),
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		panic(err)
	}
}

func readSecret(name string) string {
	text, err := os.ReadFile(filepath.Join(os.Getenv("secret_mount_path"), name))
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(text))
}

func spin(milliseconds int) {
	for end := time.Now().Add(time.Duration(milliseconds) * time.Millisecond); time.Now().Before(end); {
	}
}
