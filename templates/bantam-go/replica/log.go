package replica

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"0/bantam/output"
)

type level int

const (
	levelError level = iota
	levelWarn
	levelInfo
	levelDebug
)

var (
	levels     = map[string]level{"error": levelError, "warn": levelWarn, "info": levelInfo, "debug": levelDebug}
	levelNames = [...]string{"error", "warn", "info", "debug"}
)

// logger writes the runtime's own lines, one for each event. No line holds a query string, a header, a body, or a secret.
type logger struct {
	to      io.Writer
	json    bool
	most    level
	secrets *secretTexts
}

func newLogger(to io.Writer, settings settings) *logger {
	return &logger{to: to, json: settings.logJSON, most: settings.logLevel, secrets: &secretTexts{folder: settings.secretFolder}}
}

func (l *logger) wants(which level) bool { return which <= l.most }

// log writes one line. Line breaks in it become " | ". The fields are for JSON alone: a message says it all in words.
func (l *logger) log(which level, message string, fields ...output.Field) {
	if !l.wants(which) {
		return
	}
	message = strings.ReplaceAll(strings.TrimSpace(l.secrets.hide(message)), "\n", " | ")
	if !l.json {
		_, _ = io.WriteString(l.to, "bantam: "+escape(message)+"\n") // there is no other place to say that this one fails
		return
	}
	for i, field := range fields {
		if text, ok := field.Value.(string); ok {
			fields[i].Value = l.secrets.hide(text)
		}
	}
	_, _ = l.to.Write(output.AppendObject(nil, time.Now(), levelNames[which], []byte(message), fields...))
}

// escape writes control characters as \x1b or \u009b: a path that a caller made up must not move a terminal's cursor.
func escape(text string) string {
	if !strings.ContainsFunc(text, isControl) {
		return text
	}
	var escaped strings.Builder
	for _, letter := range text {
		switch {
		case !isControl(letter):
			escaped.WriteRune(letter)
		case letter < 0x80:
			fmt.Fprintf(&escaped, `\x%02x`, letter)
		default:
			fmt.Fprintf(&escaped, `\u%04x`, letter)
		}
	}
	return escaped.String()
}

// isControl says so of what no line of the runtime needs; tabs are in stacks. U+FFFD is what is no UTF-8.
func isControl(letter rune) bool {
	return letter != '\t' && unicode.IsControl(letter) || letter == utf8.RuneError
}

// Write takes the lines of net/http about broken connections and answers begun twice.
func (l *logger) Write(line []byte) (int, error) {
	l.log(levelWarn, string(line))
	return len(line), nil
}
