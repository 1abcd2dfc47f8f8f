/** A function in both languages that answers `POST /?ms=N` with the body it got, in two pieces N milliseconds apart. */
export const echoFiles = {
  ts: {
    'handler.ts': `
export default async function (request: Request): Promise<Response> {
  const body = new Uint8Array(await request.arrayBuffer());
  const wait = Number(new URL(request.url).searchParams.get('ms') ?? '0');
  return new Response(
    new ReadableStream({
      async start(controller) {
        controller.enqueue(body.slice(0, body.length / 2));
        await new Promise((resolve) => setTimeout(resolve, wait));
        controller.enqueue(body.slice(body.length / 2));
        controller.close();
      },
    }),
  );
}
`,
  },
  go: {
    'handler.go': `package function

import (
	"io"
	"net/http"
	"strconv"
	"time"
)

func Handle(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	wait, _ := strconv.Atoi(r.URL.Query().Get("ms"))
	w.Write(body[:len(body)/2])
	http.NewResponseController(w).Flush()
	time.Sleep(time.Duration(wait) * time.Millisecond)
	w.Write(body[len(body)/2:])
}
`,
  },
} as const;

/**
 * A function in Go that starts programs (itself): `/orphan` leaves a process to the first one of the container, ends it, and tells
 * what became of it: `gone`, or its state (`Z`: a zombie). `/children` tells how many of 40 children ended with their own exit code.
 */
export const parentFiles = {
  'handler.go': `package function

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// The same program, started again, plays the other roles.
func init() {
	switch os.Getenv("ROLE") {
	case "leaves a child":
		child := again("sleeps")
		if child.Start() != nil {
			os.Exit(1)
		}
		fmt.Println("child", child.Process.Pid)
		os.Exit(0)
	case "sleeps":
		time.Sleep(time.Minute)
		os.Exit(0)
	case "ends with 7":
		os.Exit(7)
	}
}

func again(role string) *exec.Cmd {
	program := exec.Command("/proc/self/exe")
	program.Env = []string{"ROLE=" + role, "port=0", "metrics_port=0"}
	return program
}

func Handle(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/children" {
		fmt.Fprint(w, children())
		return
	}
	said, err := again("leaves a child").Output()
	if err != nil {
		fmt.Fprint(w, err)
		return
	}
	_, number, _ := strings.Cut(string(said), "child ")
	process, _ := strconv.Atoi(strings.TrimSpace(number))
	if err := syscall.Kill(process, syscall.SIGKILL); err != nil {
		fmt.Fprintf(w, "%q: %v", said, err)
		return
	}
	fmt.Fprint(w, fateOf(process))
}

func fateOf(process int) string {
	state := ""
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", process))
		if err != nil {
			return "gone"
		}
		_, state, _ = strings.Cut(string(stat), ") ")
	}
	return state[:1]
}

func children() int64 {
	var right atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10 {
				var exit *exec.ExitError
				if errors.As(again("ends with 7").Run(), &exit) && exit.ExitCode() == 7 {
					right.Add(1)
				}
			}
		})
	}
	all.Wait()
	return right.Load()
}
`,
} as const;
