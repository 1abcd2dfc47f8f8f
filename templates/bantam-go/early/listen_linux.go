//go:build amd64 || arm64 || arm

package early

import "unsafe"

var (
	port     Port
	opened   bool
	number   int
	settings environment
	// wake is an event of the kernel that ends the wait of answer(), once for each of the orders.
	wake   uintptr
	orders = make(chan order, 3)
	ended  = make(chan struct{})
)

// order is what answer() is to do.
type order int

const (
	handOver order = iota
	closePort
	refuseAll
)

func begin() {
	enableSignal(interrupt)
	enableSignal(terminate)
	settings = readEnvironment()
	var file uintptr
	if file, opened = open(settings.host, settings.port); !opened {
		return
	}
	if wake, opened = call(sysEventfd, 0, closeOnExec|semaphore, 0, 0, 0, 0); !opened {
		call(sysClose, file, 0, 0, 0, 0, 0)
		return
	}
	port.Listener, number = file, chosen(file)
	sayListening()
	go answer()
}

func take() (Port, bool) {
	if !opened {
		return Port{}, false
	}
	opened = false
	tell(handOver)
	<-ended
	call(sysClose, wake, 0, 0, 0, 0, 0)
	return port, true
}

func closeEarly() {
	if opened {
		tell(closePort)
	}
}

func refuseEarly() {
	if opened {
		tell(refuseAll)
		<-ended
	}
}

func tell(what order) {
	orders <- what
	*(*uint64)(unsafe.Pointer(&one[0])) = 1
	call(sysWrite, wake, address(&one[0]), 8, 0, 0, 0)
}

// one is what is written to wake and read from it: a number of eight bytes.
var one, told [8]byte

// open listens on a port of all addresses (no host, or ::), of one IPv4 address, of localhost or of ::1. Others need a parser or
// a name server: false.
func open(host, portText string) (uintptr, bool) {
	number, ok := decimal(portText, 65535)
	if !ok {
		return 0, false
	}
	if host == "" || host == "::" || host == "::1" {
		// One socket for both families, as net.Listen makes it.
		var six [28]byte
		*(*uint16)(unsafe.Pointer(&six[0])) = inet6
		six[2], six[3] = byte(number>>8), byte(number)
		if host == "::1" {
			six[23] = 1
		}
		if file, ok := bind(inet6, six[:]); ok || host != "" {
			return file, ok
		}
	}
	if host == "localhost" {
		host = "127.0.0.1" // as net.Listen has it
	}
	var four [16]byte
	*(*uint16)(unsafe.Pointer(&four[0])) = inet4
	four[2], four[3] = byte(number>>8), byte(number)
	if host != "" && !readAddress(host, four[4:8]) {
		return 0, false
	}
	return bind(inet4, four[:])
}

func bind(family uintptr, to []byte) (uintptr, bool) {
	file, ok := call(sysSocket, family, stream|closeOnExec|nonBlocking, 0, 0, 0, 0)
	if !ok {
		return 0, false
	}
	setting[0] = 1
	call(sysSetsockopt, file, levelSocket, reuseAddress, address(&setting[0]), 4, 0)
	if family == inet6 {
		setting[0] = 0
		call(sysSetsockopt, file, levelIPv6, onlyIPv6, address(&setting[0]), 4, 0)
	}
	socketName = [28]byte{}
	copy(socketName[:], to)
	if _, ok = call(sysBind, file, address(&socketName[0]), uintptr(len(to)), 0, 0, 0); ok {
		_, ok = call(sysListen, file, backlog, 0, 0, 0, 0) // the kernel takes less where its own limit is lower
	}
	if !ok {
		call(sysClose, file, 0, 0, 0, 0, 0)
	}
	return file, ok
}

// chosen is the port that the kernel chose or was told.
func chosen(file uintptr) int {
	nameLength = 28
	call(sysGetsockname, file, address(&socketName[0]), uintptr(unsafe.Pointer(&nameLength)), 0, 0, 0)
	return int(socketName[2])<<8 | int(socketName[3])
}

// What the kernel reads or writes lies in variables of the package: they do not move, whatever a goroutine's stack does.
var (
	setting    [4]byte
	socketName [28]byte
	nameLength uint32
)

// readAddress reads 127.0.0.1.
func readAddress(text string, into []byte) bool {
	part, begin := 0, 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && text[i] != '.' {
			continue
		}
		value, ok := decimal(text[begin:i], 255)
		if !ok || part > 3 {
			return false
		}
		into[part] = byte(value)
		part, begin = part+1, i+1
	}
	return part == 4
}

func decimal(text string, most int) (int, bool) {
	value := 0
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		if value = value*10 + int(text[i]-'0'); value > most {
			return 0, false
		}
	}
	return value, text != ""
}
