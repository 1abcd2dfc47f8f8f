//go:build amd64 || arm64 || arm

package early

import "unsafe"

// polled is the kernel's struct pollfd.
type polled struct {
	file             int32
	events, happened int16
}

var (
	polls []polled
	// pause is a timespec: how long to wait at most.
	pause [2]int
	sent  []byte
	// crowded says that a connection could not be accepted because this process has as many files as it may have, or needs the rest.
	crowded bool
	// mayOpen is the kernel's struct rlimit64 of open files: how many now, and at most.
	mayOpen [2]uint64
)

// answer accepts connections and answers health, ready and what is too much, until it is told that net/http takes over, or that
// the process ends.
func answer() {
	defer close(ended)
	for {
		polls = append(polls[:0], polled{int32(wake), readable, 0}, polled{int32(port.Listener), readable, 0})
		rest := int64(1e9)
		if crowded { // the kernel would say at once that there is a connection
			polls[1].file, rest = -1, tick
		}
		for _, connection := range port.Waiting {
			switch {
			case connection.looked:
				rest = tick
			case !connection.waits:
				polls = append(polls, polled{int32(connection.File), readable, 0})
			}
		}
		pause[0], pause[1] = int(rest/1e9), int(rest%1e9)
		call(sysPpoll, uintptr(unsafe.Pointer(&polls[0])), uintptr(len(polls)), uintptr(unsafe.Pointer(&pause[0])), 0, 0, 0)
		if polls[0].happened != 0 {
			call(sysRead, wake, address(&told[0]), 8, 0, 0, 0)
			switch <-orders {
			case handOver:
				return
			case closePort:
				shut()
			case refuseAll:
				shut()
				refuseWaiting()
				return
			}
		}
		if crowded = polls[1].happened != 0 && !accept(); crowded {
			attend()
			closeSilent()
		} else {
			attend()
		}
		if port.Listener == Closed && len(port.Waiting) == 0 {
			return
		}
	}
}

// shut closes the port. What the kernel has accepted already counts as come.
func shut() {
	accept()
	call(sysClose, port.Listener, 0, 0, 0, 0, 0)
	port.Listener = Closed // which the kernel takes no notice of in a poll
}

// refuseWaiting answers 503 to all calls that wait, and closes all connections.
func refuseWaiting() {
	attend()
	for _, connection := range port.Waiting {
		if connection.waits {
			refuse(connection, "this replica ends before the function has loaded")
		} else {
			call(sysClose, connection.File, 0, 0, 0, 0, 0)
		}
	}
	port.Waiting = nil
}

// accept takes all connections that the kernel has; false if this process may not have more files. Some are left to the
// handler's own start and to Go's runtime: without a file for its first timer it ends the process.
func accept() bool {
	most := mostConnections()
	for {
		if uint64(len(port.Waiting)) >= most {
			return false
		}
		file, ok := call(sysAccept4, port.Listener, 0, 0, closeOnExec|nonBlocking, 0, 0)
		switch {
		case ok:
			port.Waiting = append(port.Waiting, Connection{File: file, since: now()})
		case file != aborted:
			return file != manyFiles && file != manyInSystem
		}
	}
}

// mostConnections is how many connections may be open at once; the limit of files is asked for each time, because package os
// raises it while the process starts.
func mostConnections() uint64 {
	if _, ok := call(sysPrlimit64, 0, openFiles, 0, uintptr(unsafe.Pointer(&mayOpen[0])), 0, 0); !ok {
		return ^uint64(0)
	}
	limit := mayOpen[0]
	return limit - min(limit, ownFiles+min(limit/4, sparedFiles))
}

// closeSilent closes the connection that has asked nothing for the longest time, to make room for one that may.
func closeSilent() {
	for i, connection := range port.Waiting {
		if !connection.waits {
			call(sysClose, connection.File, 0, 0, 0, 0, 0)
			port.Waiting = append(port.Waiting[:i], port.Waiting[i+1:]...)
			return
		}
	}
}

// closeLeft closes the connections of callers who have sent a request and left. It is done when the places are needed, and
// not before: a caller may end its sending side and still wait for the answer.
func closeLeft() {
	polls = polls[:0]
	for _, connection := range port.Waiting {
		asked := polled{int32(connection.File), hungUp, 0}
		if !connection.waits {
			asked.file = -1
		}
		polls = append(polls, asked)
	}
	pause = [2]int{}
	call(sysPpoll, uintptr(unsafe.Pointer(&polls[0])), uintptr(len(polls)), uintptr(unsafe.Pointer(&pause[0])), 0, 0, 0)
	kept := port.Waiting[:0]
	for i, connection := range port.Waiting {
		if polls[i].happened == 0 {
			kept = append(kept, connection)
			continue
		}
		call(sysClose, connection.File, 0, 0, 0, 0, 0)
	}
	port.Waiting = kept
}

// attend looks at each connection and keeps those that stay.
func attend() {
	if len(port.Waiting) > mostWaiting {
		closeLeft()
	}
	kept, waiting := port.Waiting[:0], 0
	for _, connection := range port.Waiting {
		if !connection.waits && look(&connection) {
			continue
		}
		if connection.waits {
			if waiting++; waiting > mostWaiting {
				refuse(connection, "too many calls wait for this replica to start")
				waiting--
				continue
			}
		}
		if now()-connection.since > waitLimit {
			refuse(connection, "this replica has been starting for too long")
			continue
		}
		kept = append(kept, connection)
	}
	port.Waiting = kept
}

// look answers a connection if it asks what can be answered now. It returns true when the connection is done with.
func look(connection *Connection) bool {
	count, ok := call(sysRecvfrom, connection.File, address(&buffer[0]), uintptr(len(buffer)), peek|dontWait, 0, 0)
	silent := !ok
	if silent && (port.Listener != Closed || now()-connection.since < newcomers) { // nothing yet
		connection.looked = false
		return false
	}
	if silent || count == 0 { // it was closed, or nobody waits for its first word any more
		call(sysClose, connection.File, 0, 0, 0, 0, 0)
		return true
	}
	head := readHead(buffer[:count])
	if !head.whole && count < uintptr(len(buffer)) {
		connection.looked = true
		return false
	}
	connection.looked = false
	if head.path != "/_/health" && head.path != "/_/ready" {
		connection.waits, connection.arrived = true, now()
		return false
	}
	switch {
	case head.method != "GET" && head.method != "HEAD":
		reply(*connection, head, "405 Method Not Allowed", "Allow: GET, HEAD\r\n", "GET or HEAD is needed\n")
	case head.path == "/_/health" && Since() >= healthBudget:
		reply(*connection, head, "200 OK", "", "OK\n")
	default:
		reply(*connection, head, "503 Service Unavailable", "Retry-After: 1\r\n", "starting\n")
	}
	return true
}

// refuse answers 503 to a call that has waited too long, or is one too many.
func refuse(connection Connection, reason string) {
	count, ok := call(sysRecvfrom, connection.File, address(&buffer[0]), uintptr(len(buffer)), peek|dontWait, 0, 0)
	if !ok {
		count = 0
	}
	head := readHead(buffer[:count])
	reply(connection, head, "503 Service Unavailable", "Retry-After: 1\r\n", reason+" (call "+head.id+")\n")
}

// reply writes an answer and closes the connection. What was asked is read first: closed with something unread, the
// connection would be reset, and the answer lost.
func reply(connection Connection, head head, status, headers, body string) {
	call(sysRecvfrom, connection.File, address(&buffer[0]), uintptr(len(buffer)), dontWait, 0, 0)
	text := "HTTP/1.1 " + status + "\r\n" + headers +
		"Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\nConnection: close\r\n" +
		"Content-Length: " + digits(int64(len(body)), 1) + "\r\n" +
		"X-Bantam-Revision: " + settings.revision + "\r\nX-Bantam-Deploy: " + settings.deploy +
		"\r\nX-Bantam-Replica: " + settings.replica + "\r\nX-Call-Id: " + head.id + "\r\nX-Start-Time: " + head.start +
		"\r\nX-Duration-Seconds: " + seconds(now()-connection.since) + "\r\n\r\n"
	if head.method != "HEAD" {
		text += body
	}
	sent = append(sent[:0], text...)
	call(sysSendto, connection.File, address(&sent[0]), uintptr(len(sent)), noSignal|dontWait, 0, 0)
	call(sysShutdown, connection.File, writeSide, 0, 0, 0, 0)
	call(sysClose, connection.File, 0, 0, 0, 0, 0)
}

// seconds writes nanoseconds as seconds with six decimals.
func seconds(nanoseconds int64) string {
	return digits(nanoseconds/1e9, 1) + "." + digits(nanoseconds/1e3%1e6, 6)
}
