// Package job decides what becomes of one command. It is pure: it starts no goroutine,
// does no I/O, knows no NATS, and gets the time as a parameter. Decide has the rules; all
// else here is what they speak of:
//
//	Job       the command, its effective times, and how far it has got
//	Effect    what its calls may have done: none, possible, claimed
//	Seen      what has just happened
//	Step      what to do next
//	Ending    how the command ends
//	Verdict   what an answer of the gateway means
//
// Package execute acts: it does the step that Decide returns, and tells Decide what it
// has seen.
package job
