package model

// Config is one world to explore: who is in it and what may go wrong.
type Config struct {
	Name     string
	Workers  int
	Messages int  // 2: the same id twice in the backlog, beyond the duplicate window
	LongLife bool // it may outlive the duplicate window, so it is always claimed
	Earlier  bool // the stream was made anew: a note of before names the sequence of another command
	NoQuery  bool // the gateway does not offer the state query

	AckWait, Call, Pull uint8 // in ticks; a call lasts at most Call, a pull is open for Pull

	Faults    uint8 // of the network, processes and the consumer, in one history
	Hold      bool  // bytes on their way from a worker may be held, for any time
	HoldIn    bool  // and on their way to it
	Cut       bool  // the server that a worker is connected to may be cut off from the leader
	Pause     bool
	Crash     bool
	Delete    bool // the consumer may be deleted, once, and is made anew
	Impatient bool // a request may be sent again while the first is still on its way

	Trouble   uint8 // gateway: refusals, lost answers, hindered queries, 000-007
	HandBacks uint8
	Cancel    bool
	Expire    bool

	Old  Old
	Skip Skip
}

// Old are faults of before, to be switched back on.
type Old struct {
	FreshOnArrival   bool // the lease of a delivery begins when it arrives
	ProvenByServer   bool // the connected server proves an extension, not the leader
	NakUnguarded     bool // handed back without a note, the lease is not looked at again
	NoClaims         bool
	GapAbsorbed      bool // an execution goes on under a redelivery although another had it between
	AnewIgnored      bool // a consumer made anew counts as the same
	NoClaimForRepeat bool // of an id that is twice in the backlog
	NoteBySequence   bool // the message that a note names is not compared
	QuestionDropped  bool // a state query that is not answered is not asked again
	CancelUnasked    bool // a cancellation ends a command whose calls may have worked
	LoserSpeaks      bool // whose result is refused answers all the same
}

// Skip leaves out single rules of the protocol, to see what each is for.
type Skip struct {
	LateClaim       bool // claimed before the first call only, not before a query or an end
	WithdrawnRest   bool // a rest ends with a withdrawal
	NoVouch         bool // no consumer info behind a pull
	ByNumber        bool // a claim is known by its delivery number alone
	FailedUnnoted   bool // that the attempts are used up is not noted before the result says it
	BlindSwap       bool // who loses a compare and swap does not read the note again
	RepeatNakked    bool // a repeat of a command in hand is given back at once
	ShortCall       bool // a call begins with less lease than it may take, and is cut off with the lease
	ClaimHidden     bool // who waits for the end of a claim may write a note over it
	YoungOnly       bool // a worker that starts rests and asks only if the consumer is young
	UnaskableUnread bool // where no state can be asked, the ledger is not read again
	LateUnflagged   bool // a result that is recorded after the lease's end is not flagged
}

const (
	maxWorkers  = 3
	maxMessages = 2
	maxAttempts = 3
)
