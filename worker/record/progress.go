package record

import (
	"time"

	"github.com/forcelogout/forcelogout/messages"
	"github.com/forcelogout/forcelogout/worker/gateway"
	"github.com/forcelogout/forcelogout/worker/job"
)

// Attempted tells live observers what a call came to.
func (b *Book) Attempted(j *job.Job, answer gateway.Answer, trouble string) {
	b.progress(j, answer, trouble, messages.Progress{Phase: messages.PhaseAttempt})
}

// Waits tells live observers what a command waits for, and whether it was handed back for
// that.
func (b *Book) Waits(j *job.Job, step job.Step, handedBack bool) {
	b.progress(j, j.Answer, j.Trouble, messages.Progress{Phase: messages.PhaseWait, WaitFor: string(step.For), Until: step.Until, HandedBack: handedBack})
}

func (b *Book) progress(j *job.Job, answer gateway.Answer, trouble string, p messages.Progress) {
	p.ID, p.VCC, p.WorkNo, p.Worker, p.At = j.Command.ID, b.VCC, j.Command.WorkNo, b.Instance, time.Now()
	p.Attempt, p.Retcode, p.HTTPStatus, p.Error = j.Calls, answer.Retcode, answer.HTTPStatus, trouble
	data, err := p.Encode()
	if err != nil {
		return
	}
	b.outbox.in <- outgoing{subject: b.Prefix.Progress(b.VCC, j.Command.WorkNo, j.Command.ID), data: data}
}
