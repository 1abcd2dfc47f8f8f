//go:build amd64 || arm64 || arm

package early

import "testing"

func TestHeads(t *testing.T) {
	read := readHead([]byte("HEAD /_/ready?x=1 HTTP/1.1\r\nHost: x\r\nX-CALL-ID:  a1 \r\nX-Start-Time: 17\r\n\r\nbody"))
	if read.method != "HEAD" || read.path != "/_/ready" || read.id != "a1" || read.start != "17" || !read.whole {
		t.Errorf("got %+v", read)
	}
	read = readHead([]byte("GET / HTTP/1.1\r\nX-Call-Id: a b\r\nX-Start"))
	if read.whole || len(read.id) != 26 || len(read.start) != 19 {
		t.Errorf("got %+v", read)
	}
}

func TestAddresses(t *testing.T) {
	var four [4]byte
	if !readAddress("127.0.0.1", four[:]) || four != [4]byte{127, 0, 0, 1} {
		t.Error(four)
	}
	for _, text := range []string{"", "localhost", "::1", "1.2.3", "1.2.3.4.5", "1.2.3.256"} {
		if readAddress(text, four[:]) {
			t.Error(text)
		}
	}
}
