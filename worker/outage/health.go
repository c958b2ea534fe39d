package outage

import (
	"github.com/forcelogout/forcelogout/worker/job"
	"github.com/forcelogout/forcelogout/worker/retcode"
)

// Health is what an exchange with the gateway shows about it.
type Health int

// What an exchange can show.
const (
	Nothing  Health = iota // says nothing about the gateway
	Answered               // it answered, well or not
	Broken                 // it was reached and did not answer
	Missed                 // it was not reached
)

// IsBad reports whether the gateway may be failing.
func (h Health) IsBad() bool { return h == Broken || h == Missed }

// HealthOf is what a verdict on an exchange tells of the gateway.
func HealthOf(v job.Verdict) Health {
	switch {
	case v.Class == retcode.Transient && v.Hint == job.WholeGateway:
		return Broken
	case v.Class == retcode.Transient && v.Hint == job.NeverReached:
		return Missed
	default:
		return Answered
	}
}
