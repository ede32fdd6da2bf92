package millrace

import "fmt"

// An Error has a code of the gateway (PROTOCOL.md, section 6) or one of the client's own: CodeInvalid and so on.
type Error struct {
	Code, Message string
	// Position of the event that was refused, -1 where it is not about one.
	Position int64
	cause    error
}

// Codes of the client itself.
const (
	// CodeInvalid: not JSON; Send refused it.
	CodeInvalid = "invalid"
	// CodeEventTooLarge: above MaxEventBytes; Send refused it. The gateway has this code too.
	CodeEventTooLarge = "event_too_large"
	// CodeFull: there is no room; wait with Ready.
	CodeFull = "full"
	// CodeForeign: another producer writes to the stream.
	CodeForeign = "foreign"
	// CodeRegressed: the gateway's count fell.
	CodeRegressed = "regressed"
	// CodeClosed: the client is closed.
	CodeClosed = "closed"
	// CodeTimeout: not within the time asked for.
	CodeTimeout = "timeout"
	// CodeUnreachable: no answer that one could understand.
	CodeUnreachable = "unreachable"
	// CodeSpool: the spool cannot be read or written.
	CodeSpool = "spool"
)

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap gives the error of the system, a context or a codec that this one came from.
func (e *Error) Unwrap() error { return e.cause }

func newError(code string, cause error, format string, args ...any) *Error {
	message := fmt.Sprintf(format, args...)
	if cause != nil {
		message += ": " + cause.Error()
	}
	return &Error{Code: code, Message: message, Position: -1, cause: cause}
}

// while names what was attempted when err came up; err may be nil.
func while(attempt string, err *Error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", attempt, err)
}
