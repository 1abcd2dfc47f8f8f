package replica

import (
	"net"
	"os"
	"sync/atomic"
	"time"

	"0/bantam/early"
)

// listener hands out the connections that came while the function was loading, then all that come.
type listener struct {
	*net.TCPListener // nil if the port was closed while the function was loading
	replica          *replica
	waiting          []early.Connection
	stopping         atomic.Bool
}

// listen takes the port over from package early, or opens it where that could not. taken says which.
func (r *replica) listen() (opened *listener, taken bool, err error) {
	opened = &listener{replica: r}
	port, taken := early.Take()
	if !taken {
		open, err := net.Listen("tcp", net.JoinHostPort(r.settings.host, r.settings.port))
		if err != nil {
			return nil, false, err
		}
		opened.TCPListener = open.(*net.TCPListener)
		return opened, false, nil
	}
	opened.waiting = port.Waiting
	if port.Listener == early.Closed {
		return opened, true, nil
	}
	file := os.NewFile(port.Listener, "port")
	defer func() { _ = file.Close() }() // FileListener has a copy
	open, err := net.FileListener(file)
	if err != nil {
		return nil, true, err
	}
	opened.TCPListener = open.(*net.TCPListener)
	return opened, true, nil
}

// Accept is for http.Server. After stop it gives what the kernel still has: those callers believe themselves connected.
func (l *listener) Accept() (net.Conn, error) {
	for len(l.waiting) > 0 {
		first := l.waiting[0]
		file := os.NewFile(first.File, "connection")
		l.waiting = l.waiting[1:]
		conn, err := net.FileConn(file)
		_ = file.Close() // FileConn has a copy
		if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
			tracked := l.track(tcp)
			if age := time.Duration(first.Age()); age > 0 {
				tracked.arrived = time.Now().Add(-age)
			}
			return tracked, nil
		}
	}
	if l.TCPListener == nil {
		return nil, net.ErrClosed
	}
	conn, err := l.AcceptTCP()
	if err == nil {
		return l.track(conn), nil
	}
	if l.stopping.Load() {
		if conn := acceptPending(l.TCPListener); conn != nil {
			return l.track(conn), nil
		}
		_ = l.Close()
		return nil, net.ErrClosed
	}
	return nil, err
}

func (l *listener) track(conn *net.TCPConn) *connection {
	tracked := &connection{TCPConn: conn, replica: l.replica, accepted: time.Now()}
	l.replica.connections.add(tracked)
	return tracked
}

// stop has Accept end once the kernel has no more.
func (l *listener) stop() {
	l.stopping.Store(true)
	if l.TCPListener != nil {
		_ = l.SetDeadline(time.Now())
	}
}
