package session

// evidence is what is known of a session that was refused.
type evidence struct {
	refusals int     // polls in a row; 0 where a call was refused and not a poll
	polled   bool    // a poll has worked: before, AUTHMODE 2 may take nothing but polls
	opinion  verdict // what the gateway said when it was asked; unknown also where it was not
	newer    bool    // there is a newer GUID than the refused one
}

// finding is what evidence proves.
type finding int

const (
	undecided finding = iota // go on asking
	good                     // the refusal came from a node that does not know the session
	outdated                 // the refusal was about an old GUID
	over                     // the session has ended
)

// proves is the rule for when a session is over: one refusal may come from a node that
// does not know it, so it takes two polls in a row, or one and the gateway's word. Where
// the gateway takes the session for all but polls, a third poll decides: without polls it
// ends anyway.
func (e evidence) proves() finding {
	switch {
	case e.newer:
		return outdated
	case e.opinion == alive, e.opinion == pushed:
		if e.refusals > 2 {
			return over
		}
		return good
	case e.opinion == refused && e.polled, e.refusals > 1:
		return over
	default:
		return undecided
	}
}
