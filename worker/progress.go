package worker

import (
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// progressAttempt tells live observers what a call came to.
func (w *Worker) progressAttempt(x *execution) {
	w.publishProgress(x, messages.Progress{Phase: messages.PhaseAttempt})
}

// progressWait tells live observers what a command waits for.
func (w *Worker) progressWait(x *execution, handedBack bool) {
	w.publishProgress(x, messages.Progress{Phase: messages.PhaseWait, WaitFor: x.waitsFor(), Until: x.dueAt, HandedBack: handedBack})
}

// waitsFor names what the command waits for now.
func (x *execution) waitsFor() string {
	switch {
	case x.onCall:
		return messages.WaitCall
	case x.noGateway || x.halted:
		return messages.WaitGateway
	case x.noSession:
		return messages.WaitSession
	case x.spent > 0:
		return messages.WaitRetry
	default:
		return messages.WaitTime
	}
}

func (w *Worker) publishProgress(x *execution, p messages.Progress) {
	p.ID, p.VCC, p.WorkNo, p.Worker, p.At = x.cmd.ID, w.cfg.VCC, x.cmd.WorkNo, w.cfg.Instance, time.Now()
	p.Attempt, p.Retcode, p.HTTPStatus, p.Error = x.calls, x.answer.Retcode, x.answer.HTTPStatus, x.trouble
	data, err := p.Encode()
	if err != nil {
		return
	}
	w.outbox.in <- outgoing{subject: w.cfg.Prefix.Progress(w.cfg.VCC, x.cmd.WorkNo, x.cmd.ID), data: data}
}
