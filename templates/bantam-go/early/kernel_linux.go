//go:build amd64 || arm64 || arm

package early

import "unsafe" // and for go:linkname

// syscall6 is syscall.Syscall6. It is linked by name because an import would have this package wait for that one. It tells
// the scheduler, so a wait in the kernel keeps nobody else from running; it needs none of its package's variables.
//
//go:linkname syscall6 syscall.Syscall6
func syscall6(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2, errno uintptr)

// now is the monotonic clock, in nanoseconds.
//
//go:linkname now runtime.nanotime
func now() int64

// enableSignal is what os/signal.Notify does in the runtime. From then on a signal is kept until package os/signal is there to
// take it; it would end the process otherwise.
//
//go:linkname enableSignal os/signal.signal_enable
func enableSignal(number uint32)

// call asks the kernel, again where a signal interrupted it. Where it returns false, the number is that of the error.
func call(trap, a1, a2, a3, a4, a5, a6 uintptr) (uintptr, bool) {
	for {
		result, _, failure := syscall6(trap, a1, a2, a3, a4, a5, a6)
		switch failure {
		case interrupted:
		case 0:
			return result, true
		default:
			return failure, false
		}
	}
}

// address is where the kernel reads or writes. It must be that of something on the heap or of a variable of the package.
func address(first *byte) uintptr { return uintptr(unsafe.Pointer(first)) }

// What these numbers mean is in the kernel's include/uapi; they are the same on all processors of Linux that Go calls amd64,
// arm64 and arm.
const (
	inet4, inet6  = 2, 10
	stream        = 1
	closeOnExec   = 0o2000000
	nonBlocking   = 0o4000
	levelSocket   = 1
	reuseAddress  = 2
	levelIPv6     = 41
	onlyIPv6      = 26
	backlog       = 65535
	peek          = 2
	noSignal      = 0x4000
	dontWait      = 0x40
	writeSide     = 1
	readable      = 1
	hungUp        = 0x2000 // POLLRDHUP
	semaphore     = 1      // of an eventfd: each read takes one of what was written
	interrupt     = 2      // SIGINT
	terminate     = 15
	interrupted   = 4
	manyInSystem  = 23 // ENFILE
	manyFiles     = 24 // EMFILE
	aborted       = 103
	hereAtFolder  = ^uintptr(99) // AT_FDCWD, -100
	realTimeClock = 0
	openFiles     = 7 // RLIMIT_NOFILE
)
