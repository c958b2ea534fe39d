package model

// Everything in a state is one byte wide: a state is compared and hashed as bytes.
// Times are ages in ticks, which stop at AckWait: older makes no difference.

type state struct {
	expired  bool
	messages [maxMessages]message
	consumer consumer
	note     note
	ledger   ledger
	gateway  gateway
	left     left
	workers  [maxWorkers]worker // last: unused ones are not hashed
}

// left is what may still go wrong.
type left struct {
	faults, trouble, handBacks uint8
	deletes, cancels, expiries uint8
}

// message is one message of the command in the stream, and what the consumer knows
// of it.
type message struct {
	there     bool // not acknowledged
	available bool // to be delivered
	n         uint8
	age       uint8 // since the delivery or its last extension
}

type consumer struct {
	absent bool
	anew   bool // it is the second one of its name
	age    uint8
	seq    uint8 // deliveries, see maxSeq
}

// note is the last message about the command in the PARKED stream.
type note struct {
	seq         uint8 // of the message; 0 where the note is about none
	claim       bool  // else it was handed back
	n           uint8 // by this delivery
	owner       uint8 // of this worker, from 1
	cancelled   bool
	redelivered bool
	effect      effect
	calls       uint8
	spent       uint8 // of the attempts
	age         uint8
}

// ledger holds the one result.
type ledger struct {
	outcome outcome
	age     uint8
	unknown bool  // the winner could not find out whether a call has worked
	spoken  uint8 // how many workers have told of a result
}

type gateway struct {
	out    bool // the agent was signed out, by a call for the command
	calls  uint8
	orphan run // a call whose worker crashed
}

// run is a call at the gateway.
type run struct {
	running bool
	age     uint8
	limit   uint8 // its worker cuts it off then, unless it is stopped
	worked  bool  // it has signed the agent out
	answer  answer
}

type worker struct {
	down, paused             bool // a process that crashed; one that is stopped
	upHeld, downHeld, cutOff bool

	anew     bool // knows of a consumer made anew
	inquires bool // noticed it, and does not know the new one yet
	seen     uint8
	trusts   bool // takes the consumer for the first one of its name

	pulling bool
	sure    bool // an info behind the pull was answered by the same consumer
	pullAge uint8
	pullGen uint8
	open    bool // its pull at the server
	openAge uint8
	sent    letter // the pull as sent

	beat beat
	x    [maxMessages]execution
	up   queue
	in   queue
}

type beat struct {
	under  bool
	proven bool // the leader has answered, its consumer is being asked
	age    uint8
	gen    uint8
	covers [maxMessages]bool
}

type phase uint8

const (
	idle     phase = iota
	resting        // until whoever may have it has ended or lost it
	asking         // ledger and note are read
	ready          // admitted: the next step is to be decided
	claiming       // a claim is on its way
	calling
	parking // a note is on its way, then the nak
	storing // the result is on its way
)

func (p phase) String() string {
	return [...]string{"idle", "resting", "asking", "ready", "claiming", "calling", "parking", "storing"}[p]
}

type effect uint8

const (
	none effect = iota
	possible
	claimed
)

func (e effect) String() string { return [...]string{"none", "possible", "claimed"}[e] }

type outcome uint8

const (
	noResult outcome = iota
	signedOut
	alreadyOut
	failed
	expired
	cancelled
)

func (o outcome) String() string {
	return [...]string{"no result", "signed_out", "already_signed_out", "failed", "expired", "cancelled"}[o]
}

type answer uint8

const (
	noAnswer answer = iota
	success
	refused
	lost
	busy
)

func (a answer) String() string {
	return [...]string{"", "0", "a transient refusal", "nothing: its answer is lost", "000-007"}[a]
}

// execution is one message of the command in the hand of a worker.
type execution struct {
	phase phase
	n     uint8
	lease uint8 // age of T
	anew  bool  // delivered by the consumer made anew, as far as the worker knows
	stale bool  // its consumer is gone: not extended any more
	lost  bool
	gen   uint8

	unsure bool // which consumer delivered it: no info behind its pull is answered yet

	redelivered, rested, cancelled, unaskable bool
	effect                                    effect
	calls, spent                              uint8

	called   bool // in this execution
	reread   bool // ledger and note were read after the last call
	current  bool // the note is still the one that it knows
	retrying bool // it has lost a compare and swap
	waits    bool // for the end of somebody's claim
	noteAge  uint8
	claimed  bool
	gaveUp   bool  // the last question was not answered, and no attempt is left
	noted    bool  // a note says that the attempts are used up
	ending   bool  // it will be noted
	claimAge uint8 // since the claim was sent

	outcome outcome // to be stored
	run     run
	next    next
}

// next is a delivery that begins when the call of the one before has ended.
type next struct {
	there, anew, rested, unsure bool
	n, lease                    uint8
}
