package output

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

func TestObjects(t *testing.T) {
	message := "a \"quoted\" \\ line\twith ä, \x01 and \xff"
	var read struct {
		Time    time.Time
		Level   string
		Message string
		Stream  string
		Seconds float64
		Status  int
	}
	line := AppendObject(nil, time.Unix(1, 5e6), "info", []byte(message),
		Field{"stream", "stdout"}, Field{"seconds", 0.25}, Field{"status", 200})
	if err := json.Unmarshal(line, &read); err != nil {
		t.Fatal(err, string(line))
	}
	if read.Message != "a \"quoted\" \\ line\twith ä, \x01 and \ufffd" || read.Stream != "stdout" || read.Seconds != 0.25 ||
		read.Status != 200 || read.Time.UnixMilli() != 1005 {
		t.Errorf("got %+v", read)
	}
}

func TestLines(t *testing.T) {
	longest = 4
	defer func() { longest = longestLine() }()
	var out bytes.Buffer
	to := Lines(&out, "stdout")
	for _, part := range []string{"ab", "c\n", "12345678", "9\n\n1234\n", "rest"} {
		if count, err := to.Write([]byte(part)); count != len(part) || err != nil {
			t.Error(count, err)
		}
	}
	to.end()
	if got := out.String(); got != "abc\n1234\n5678\n9\n\n1234\nrest\n" {
		t.Errorf("got %q", got)
	}
}
