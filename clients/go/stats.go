package millrace

// State of a client.
type State string

// All states.
const (
	Connecting State = "connecting"
	Open       State = "open"
	Waiting    State = "waiting"
	// Stopped: trying again is of no use, see the last error.
	Stopped State = "stopped"
	Closed  State = "closed"
)

// DropReason is why events that were taken (or, for ReasonNewest, offered) will never be stored.
type DropReason string

// All reasons.
const (
	ReasonOldest   DropReason = "drop_oldest"
	ReasonNewest   DropReason = "drop_newest"
	ReasonBadEvent DropReason = "bad_event"
	ReasonClosed   DropReason = "closed"
)

// Stats of a client at one moment. Taken = Acked + Pending + Dropped, but for ReasonNewest.
type Stats struct {
	State State
	// Key of the stream; it may change before the first ack (PROTOCOL.md, 7.6).
	Key   string
	Epoch uint64
	// Transport is empty where there is no connection.
	Transport Transport
	// Taken: Send returned true. Refused: it returned false, but for what a policy drops.
	Taken, Refused uint64
	// Acked: stored; Duplicates of them were there already, Rejected became dead letters.
	Acked, Duplicates, Rejected uint64
	Dropped                     map[DropReason]uint64
	// Pending: taken, and not yet settled.
	Pending, PendingBytes int
	// Connects: how often a connection opened.
	Connects int
}

// EventKind says which fields an Event has.
type EventKind string

// All kinds.
const (
	// EventAck: the gateway has stored all positions below Count.
	EventAck EventKind = "ack"
	// EventDrop: Events were lost for a Reason.
	EventDrop EventKind = "drop"
	// EventError: Err; the client has stopped where Fatal.
	EventError EventKind = "error"
	// EventState: State, Key.
	EventState EventKind = "state"
	// EventOpen: a connection opened over Transport, and the stream Key had Count entries.
	EventOpen EventKind = "open"
)

// An Event is something that happened to a client.
type Event struct {
	Kind      EventKind
	Count     uint64
	Reason    DropReason
	Events    uint64
	Err       *Error
	Fatal     bool
	State     State
	Key       string
	Transport Transport
}
