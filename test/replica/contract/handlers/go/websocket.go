package function

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// echoWebSocket answers each message with itself (RFC 6455), and says that it goes away when the call's context ends.
func echoWebSocket(w http.ResponseWriter, r *http.Request) {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	w.Header().Set("Upgrade", "websocket")
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Sec-WebSocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
	w.WriteHeader(http.StatusSwitchingProtocols)
	connection, stream, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer connection.Close()
	var mutex sync.Mutex
	send := func(opcode byte, data []byte) {
		mutex.Lock()
		defer mutex.Unlock()
		_ = writeFrame(stream.Writer, opcode, data)
	}
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-r.Context().Done():
			send(8, []byte{0x03, 0xe9}) // 1001: going away
		case <-over:
		}
	}()
	var message []byte
	var kind byte
	for {
		final, opcode, data, err := readFrame(stream.Reader)
		if err != nil {
			return
		}
		switch opcode {
		case 8:
			send(8, data)
			return
		case 9:
			send(10, data)
		case 10:
		default:
			if opcode != 0 {
				kind = opcode
			}
			message = append(message, data...)
			if final {
				send(kind, message)
				message = nil
			}
		}
	}
}

func writeFrame(w *bufio.Writer, opcode byte, data []byte) error {
	head := []byte{0x80 | opcode}
	switch size := len(data); {
	case size < 126:
		head = append(head, byte(size))
	case size < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 126), uint16(size))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 127), uint64(size))
	}
	_, _ = w.Write(head)
	_, _ = w.Write(data)
	return w.Flush()
}

func readFrame(r io.Reader) (final bool, opcode byte, data []byte, err error) {
	head := make([]byte, 2)
	if _, err = io.ReadFull(r, head); err != nil {
		return
	}
	size := uint64(head[1] & 0x7f)
	if size >= 126 {
		more := make([]byte, map[uint64]int{126: 2, 127: 8}[size])
		if _, err = io.ReadFull(r, more); err != nil {
			return
		}
		size = binary.BigEndian.Uint64(append(make([]byte, 8-len(more)), more...))
	}
	if size > 1<<20 || head[1]&0x80 == 0 {
		return false, 0, nil, fmt.Errorf("a frame of %d bytes, or one without a mask", size)
	}
	mask := make([]byte, 4)
	if _, err = io.ReadFull(r, mask); err != nil {
		return
	}
	data = make([]byte, size)
	_, err = io.ReadFull(r, data)
	for i := range data {
		data[i] ^= mask[i%4]
	}
	return head[0]&0x80 != 0, head[0] & 0x0f, data, err
}
