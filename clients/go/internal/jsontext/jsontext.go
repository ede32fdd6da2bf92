// Package jsontext checks texts that are to be one JSON value (RFC 8259), as one line.
package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// depthMost is that of encoding/json.
const depthMost = 10_000

// Line returns the text without its line breaks, or what is wrong with it; the text itself does not change.
func Line(text []byte) ([]byte, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("invalid UTF-8")
	}
	if end := value(text, space(text, 0), 0); end < 0 || space(text, end) != len(text) {
		var never json.RawMessage
		if err := json.Unmarshal(text, &never); err != nil {
			return nil, err
		}
		return nil, errors.New("not one JSON value")
	}
	// in a valid text they stand between tokens only
	if bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') < 0 {
		return text, nil
	}
	line := make([]byte, 0, len(text))
	for _, c := range text {
		if c != '\n' && c != '\r' {
			line = append(line, c)
		}
	}
	return line, nil
}

// All below return where what they read ends, or -1; at may be the end of the text.

func value(p []byte, at, depth int) int {
	if at >= len(p) || depth > depthMost {
		return -1
	}
	switch c := p[at]; c {
	case '"':
		return str(p, at+1)
	case '{':
		return members(p, at+1, depth+1)
	case '[':
		return elements(p, at+1, depth+1)
	case 't':
		return word(p, at, "true")
	case 'f':
		return word(p, at, "false")
	case 'n':
		return word(p, at, "null")
	default:
		return number(p, at)
	}
}

func members(p []byte, at, depth int) int {
	at = space(p, at)
	if at < len(p) && p[at] == '}' {
		return at + 1
	}
	for {
		if at >= len(p) || p[at] != '"' {
			return -1
		}
		if at = str(p, at+1); at < 0 {
			return -1
		}
		if at = space(p, at); at >= len(p) || p[at] != ':' {
			return -1
		}
		if at = value(p, space(p, at+1), depth); at < 0 {
			return -1
		}
		if at = space(p, at); at >= len(p) {
			return -1
		}
		if p[at] == '}' {
			return at + 1
		}
		if p[at] != ',' {
			return -1
		}
		at = space(p, at+1)
	}
}

func elements(p []byte, at, depth int) int {
	at = space(p, at)
	if at < len(p) && p[at] == ']' {
		return at + 1
	}
	for {
		if at = value(p, at, depth); at < 0 {
			return -1
		}
		if at = space(p, at); at >= len(p) {
			return -1
		}
		if p[at] == ']' {
			return at + 1
		}
		if p[at] != ',' {
			return -1
		}
		at = space(p, at+1)
	}
}

func str(p []byte, at int) int {
	for at < len(p) {
		switch c := p[at]; {
		case c == '"':
			return at + 1
		case c < ' ':
			return -1
		case c == '\\':
			if at = escape(p, at+1); at < 0 {
				return -1
			}
		default:
			at++
		}
	}
	return -1
}

func escape(p []byte, at int) int {
	if at >= len(p) {
		return -1
	}
	switch p[at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at + 1
	case 'u':
	default:
		return -1
	}
	for range 4 {
		if at++; at >= len(p) || !isHex(p[at]) {
			return -1
		}
	}
	return at + 1
}

func number(p []byte, at int) int {
	if p[at] == '-' {
		at++
	}
	switch first := at; {
	case at < len(p) && p[at] == '0':
		at++
	default:
		if at = digits(p, at); at == first {
			return -1
		}
	}
	if at < len(p) && p[at] == '.' {
		first := at + 1
		if at = digits(p, first); at == first {
			return -1
		}
	}
	if at < len(p) && (p[at] == 'e' || p[at] == 'E') {
		first := at + 1
		if first < len(p) && (p[first] == '+' || p[first] == '-') {
			first++
		}
		if at = digits(p, first); at == first {
			return -1
		}
	}
	return at
}

func digits(p []byte, at int) int {
	for at < len(p) && '0' <= p[at] && p[at] <= '9' {
		at++
	}
	return at
}

func space(p []byte, at int) int {
	for at < len(p) && (p[at] == ' ' || p[at] == '\n' || p[at] == '\t' || p[at] == '\r') {
		at++
	}
	return at
}

func word(p []byte, at int, want string) int {
	if end := at + len(want); end <= len(p) && string(p[at:end]) == want {
		return end
	}
	return -1
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
