package messages

import "iter"

// Header names. All but the last say why and from where a message went to the
// dead letters, the last is on every result.
const (
	HeaderError     = "Forcelogout-Error"     // the InvalidError's text
	HeaderSubject   = "Forcelogout-Subject"   // where the message was published
	HeaderSequence  = "Forcelogout-Sequence"  // its sequence number in the stream
	HeaderTruncated = "Forcelogout-Truncated" // how many bytes it had, where they could not all be kept
	HeaderOutcome   = "Forcelogout-Outcome"   // the result's Outcome
)

// CloudEvent returns the CloudEvents 1.0 headers of the result in binary mode.
// source is a URI reference that names the installation. ce-time is FinishedAt,
// left out where that is zero.
func (r Result) CloudEvent(source string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		_ = yield("ce-specversion", "1.0") &&
			yield("ce-id", r.ID) &&
			yield("ce-source", source) &&
			yield("ce-type", "forcelogout.result.v1") &&
			yield("ce-subject", r.VCC+"/"+r.WorkNo) &&
			!r.FinishedAt.IsZero() && yield("ce-time", string(appendMillis(nil, r.FinishedAt)))
	}
}
