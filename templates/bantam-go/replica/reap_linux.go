package replica

import (
	"bytes"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	// reapPause gives package os time to wait for a child of its own after the signal.
	reapPause = 2 * time.Second
	// reapPatience is how long a dead child stays that somebody may still wait for without telling the kernel.
	reapPatience = time.Minute
)

// reapOrphans does what process 1 is there for: a process whose parent has gone becomes its child, and when it dies somebody
// has to ask for its exit code, or it stays in the process table for ever. The children that package os/exec started are not
// touched: for each, package os holds a descriptor until it was waited for (pidfd_open(2)), and that is how they are told
// apart. A child that was started in another way is taken for an orphan when nobody has waited for it in a minute.
func reapOrphans() {
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	seen := map[int]time.Time{}
	for {
		var again <-chan time.Time
		if len(seen) > 0 {
			again = time.After(reapPause)
		}
		select {
		case <-died:
			time.Sleep(reapPause)
		case <-again:
		}
		dead := deadChildren()
		for pid := range seen {
			if !dead[pid] {
				delete(seen, pid)
			}
		}
		awaited, known := awaitedChildren()
		for pid := range dead {
			since, before := seen[pid]
			if !before {
				seen[pid] = time.Now()
				since = seen[pid]
			}
			if awaited[pid] || (!known && time.Since(since) < reapPatience) {
				continue
			}
			if _, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil); err == nil {
				delete(seen, pid)
			}
		}
	}
}

// deadChildren are this process's own that have ended and were not waited for, as /proc/PID/stat tells.
func deadChildren() map[int]bool {
	dead := map[int]bool{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	own := []byte(" Z " + strconv.Itoa(os.Getpid()) + " ")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil { // it has gone meanwhile
			continue
		}
		// The name, in brackets, may hold anything: state and parent follow its last bracket.
		if end := bytes.LastIndexByte(text, ')'); end >= 0 && bytes.HasPrefix(text[end+1:], own) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
				dead[pid] = true
			}
		}
	}
	return dead
}

// awaitedChildren are those that this process holds a descriptor of. known is false on kernels that do not tell.
func awaitedChildren() (awaited map[int]bool, known bool) {
	awaited = map[int]bool{}
	files, _ := filepath.Glob("/proc/self/fdinfo/*")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for _, line := range bytes.Split(text, []byte("\n")) {
			if rest, found := bytes.CutPrefix(line, []byte("Pid:")); found {
				if pid, err := strconv.Atoi(string(bytes.TrimSpace(rest))); err == nil {
					awaited[pid] = true
				}
			}
		}
	}
	return awaited, holdsDescriptors()
}

// holdsDescriptors says whether this kernel knows descriptors of processes, and so package os uses them.
func holdsDescriptors() bool {
	const pidfdOpen = 434 // the same on all processors
	file, _, failure := syscall.Syscall(pidfdOpen, uintptr(os.Getpid()), 0, 0)
	if failure != 0 {
		return false
	}
	_ = syscall.Close(int(file))
	return true
}
