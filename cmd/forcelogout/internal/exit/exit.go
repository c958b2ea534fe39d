// Package exit has the exit codes of the program, and the errors that carry one.
package exit

// Exit codes.
const (
	OK          = 0
	Failed      = 1 // something that was asked for was not done, or the program failed
	Usage       = 2
	Unreachable = 3 // NATS
	Interrupted = 130
)

// Error carries an exit code other than Failed.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Misused is the error of a command line, an environment or a file that is to be changed.
func Misused(err error) error { return &Error{Usage, err} }
