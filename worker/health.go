package worker

import (
	"errors"
	"math"

	"github.com/forcelogout/forcelogout/worker/admin"
)

var errDraining = errors.New("the worker is shutting down")

// Ready is nil while the worker can take and execute commands, and else says what is in
// the way.
func (w *Worker) Ready() error {
	select {
	case <-w.draining:
		return errDraining
	default:
	}
	if !w.nc.IsConnected() {
		return errors.New("not connected to NATS")
	}
	for _, problem := range []func() error{w.board.Problem, w.intake.Progressing, w.throttle.gate.Problem} {
		if err := problem(); err != nil {
			return err
		}
	}
	usable, problem := w.throttle.inspectors.Ready()
	if usable {
		return nil
	}
	return problem
}

// Degraded says which inspectors cannot be used while others can; nil where all can.
func (w *Worker) Degraded() error {
	_, problem := w.throttle.inspectors.Ready()
	return problem
}

// Gauges are the worker's present numbers, for metrics.
func (w *Worker) Gauges() admin.Gauges {
	days, known := w.throttle.inspectors.PasswordDays()
	if !known {
		days = math.NaN()
	}
	inHand, parked := w.throttle.capacity.InHand()
	pending, unacked := w.intake.Waiting()
	return admin.Gauges{
		PasswordDays: days,
		InFlight:     w.throttle.inspectors.InFlight(),
		Parked:       parked,
		InHand:       inHand,
		Pending:      pending,
		Unacked:      unacked,
		MaxUnacked:   w.intake.MaxUnacked(),
		Inspectors:   len(w.cfg.Inspectors),
		Usable:       w.throttle.inspectors.Usable(),
		Ready:        w.Ready() == nil,
		Down:         w.throttle.gate.Halted(),
	}
}
