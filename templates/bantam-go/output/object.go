package output

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// Field is one more member of a line's object: text, an int or a float64.
type Field struct {
	Name  string
	Value any
}

// AppendObject appends a line as a JSON object with its end. encoding/json is not used: it would have to be initialised before
// the function's packages, with all that it imports.
func AppendObject(to []byte, now time.Time, level string, message []byte, fields ...Field) []byte {
	to = append(to, `{"time":"`...)
	to = now.UTC().AppendFormat(to, "2006-01-02T15:04:05.000Z")
	to = append(to, `","level":"`...)
	to = append(to, level...)
	to = append(to, `","message":`...)
	to = appendText(to, message)
	for _, field := range fields {
		to = append(to, ',', '"')
		to = append(to, field.Name...)
		to = append(to, '"', ':')
		switch value := field.Value.(type) {
		case string:
			to = appendText(to, []byte(value))
		case int:
			to = strconv.AppendInt(to, int64(value), 10)
		case float64:
			to = strconv.AppendFloat(to, value, 'f', 6, 64)
		}
	}
	return append(to, '}', '\n')
}

func appendText(to, text []byte) []byte {
	const digits = "0123456789abcdef"
	to = append(to, '"')
	for len(text) > 0 {
		letter, size := utf8.DecodeRune(text)
		switch {
		case letter == utf8.RuneError && size == 1: // no UTF-8
			to = append(to, "\ufffd"...)
		case letter == '"' || letter == '\\':
			to = append(to, '\\', text[0])
		case letter == '\n':
			to = append(to, '\\', 'n')
		case letter == '\t':
			to = append(to, '\\', 't')
		case letter < ' ' || letter == 0x7f:
			to = append(to, '\\', 'u', '0', '0', digits[letter>>4], digits[letter&15])
		default:
			to = append(to, text[:size]...)
		}
		text = text[size:]
	}
	return append(to, '"')
}
