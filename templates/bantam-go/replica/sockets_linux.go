package replica

import (
	"net"
	"os"
	"syscall"
)

// hasInput says whether something has arrived that nobody has read, the end of the connection included.
func hasInput(conn *net.TCPConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	arrived := 0
	var one [1]byte
	_ = raw.Control(func(file uintptr) {
		arrived, _, _ = syscall.Recvfrom(int(file), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return arrived > 0
}

// acceptPending accepts one connection without waiting; nil if there is none. The listener's own deadline is over.
func acceptPending(listener *net.TCPListener) *net.TCPConn {
	raw, err := listener.SyscallConn()
	if err != nil {
		return nil
	}
	accepted := -1
	_ = raw.Control(func(file uintptr) {
		if accepted, _, err = syscall.Accept4(int(file), syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK); err != nil {
			accepted = -1
		}
	})
	if accepted < 0 {
		return nil
	}
	file := os.NewFile(uintptr(accepted), "connection")
	defer func() { _ = file.Close() }() // FileConn has a copy
	conn, err := net.FileConn(file)
	if err != nil {
		return nil
	}
	tcp, _ := conn.(*net.TCPConn)
	return tcp
}
