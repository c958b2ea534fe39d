package model

type kind uint8

const (
	_ kind = iota

	// To the server.
	pull
	progress // +WPI for all in hand, the last as a request
	info
	read // ledger and note
	swap // a note with an expected sequence
	store
	ack
	nak

	// From the server.
	delivery
	gone // 409 Consumer Deleted, or no responders
	proof
	infoIs
	readIs
	swapped
	stored
)

// letter is one message on its way.
type letter struct {
	kind   kind
	k      uint8 // which message of the command
	gen    uint8 // answers to a request that was given up are not taken
	n      uint8
	age    uint8 // of the pull
	seen   uint8 // before the pull was sent: highest consumer sequence
	seq    uint8 // consumer sequence of a delivery
	anew   bool
	beat   bool
	orphan bool // its process has crashed
	ok     bool
	// current: the note that a swap expects, or that was read, is still the last one.
	current     bool
	repeat      bool // the note names a message that is still there, with the same id
	covers      [maxMessages]bool
	note        note
	outcome     outcome
	calls       uint8
	redelivered bool
	before      uint8 // all calls that were made when a result was sent
	unknown     bool  // its sender could not find out whether a call has worked
}

const room = 8

type queue struct {
	n  uint8
	at [room]letter
}

func (q *queue) push(l letter) {
	q.at[q.n] = l
	q.n++
}

func (q *queue) pop() letter {
	l := q.at[0]
	copy(q.at[:], q.at[1:q.n])
	q.n--
	q.at[q.n] = letter{}
	return l
}

func (q *queue) has(match func(*letter) bool) bool {
	for i := range q.n {
		if match(&q.at[i]) {
			return true
		}
	}
	return false
}
