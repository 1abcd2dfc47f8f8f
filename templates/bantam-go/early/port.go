// Package early opens the port before any of the function's code runs, and answers what cannot wait while that code loads.
//
// Go initialises packages in the order of their import paths, each as soon as what it imports is initialised
// (go.dev/ref/spec#Program_execution). This one imports nothing and its path sorts before all others, so it comes first: a
// package of the function that sleeps or computes for a minute in its init() cannot keep the port closed. The price is that
// nothing of the standard library may be used here, for it is not initialised either: the kernel is called by hand, and a few
// lines do what strings and strconv would do. Each import would have this package wait for the imported one, and let packages
// of the function come first.
//
// Nor may SIGTERM end the process meanwhile: it is kept here, and package signals in this folder acts upon it.
//
// It reads no request: it looks at what has arrived and leaves it where it is, so that net/http can take over every
// connection later as if nobody had touched it. Only what it answers itself it reads.
package early

// Connection is a call that arrived while the function was loading, with all it has sent still to be read.
type Connection struct {
	// File is the descriptor of the socket; the receiver owns it.
	File uintptr
	// since is when it was accepted, in nanoseconds of the monotonic clock.
	since int64
	// arrived is when its whole head was first seen, in the same way; 0: not yet.
	arrived int64
	// waits says that a whole head has arrived and is to be answered by the handler.
	waits bool
	// looked says that it was looked at since the last tick: half a head is not looked at without a pause.
	looked bool
}

// Age is for how many nanoseconds its request has been waiting; 0 where there was no whole head yet.
func (c Connection) Age() int64 {
	if c.arrived == 0 {
		return 0
	}
	return now() - c.arrived
}

// Port is the open port and what waits behind it.
type Port struct {
	// Listener is the descriptor of the listening socket, or Closed; the receiver owns it.
	Listener uintptr
	Waiting  []Connection
}

// Closed stands for a port that was closed because the process is ending.
const Closed = ^uintptr(0)

const (
	// healthBudget is how long /_/health may say 503: faas-netes kills a container that has not said 200 within some 6 s,
	// for ever.
	healthBudget int64 = 4e9
	// waitLimit is how long a call waits for the handler, in nanoseconds.
	waitLimit int64 = 60e9
	// mostWaiting is how many calls wait.
	mostWaiting = 1000
	// tick is how often half a head is looked at again, in nanoseconds.
	tick int64 = 50e6
	// ownFiles is how many files this process has before any connection; sparedFiles are left to what else starts in it.
	ownFiles, sparedFiles = 5, 16
	// newcomers is how long a connection may be silent while the process is ending.
	newcomers int64 = 1e9
)

// Open opens the port and answers from now on. It is for package start, which does it when it is initialised; whatever else
// imports this package, such as a test, opens nothing.
func Open() {
	begun = true
	begin()
}

var begun bool

// Begun says whether Open was called: this is the program, and not a test.
func Begun() bool { return begun }

// Take ends the answering and hands over the port with all connections that are not answered. ok is false where no port was
// opened: the platform is not known here, /proc is missing, the address needs more than open() can, or it is taken. The caller opens it
// then, and says what is wrong.
func Take() (port Port, ok bool) {
	return take()
}

// IsOpen says whether the port is open and not taken yet.
func IsOpen() bool { return opened }

// Number is that of the open port.
func Number() int { return number }

// Close closes the port; calls that have come go on waiting. For a process that is ending, and only before Take.
func Close() { closeEarly() }

// Refuse closes the port, answers 503 to all calls that wait, and returns when that is done. Only before Take.
func Refuse() { refuseEarly() }

// Ended is closed when nothing waits behind a closed port, and after Refuse.
func Ended() <-chan struct{} { return ended }

var started = now()

// Since is how many nanoseconds have passed since the process began.
func Since() int64 { return now() - started }
