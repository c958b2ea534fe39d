package messages_test

import (
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

// wire is what each command costs on the wire, and how many allocations it may take.
func wire() []wireCost {
	command := []byte(`{"id":"shift-2026-01-31-30012","workNo":"30012","issuedAt":"2026-01-31T18:00:00.123Z","reason":"shift end"}`)
	now := time.Now()
	result := messages.Result{
		ID: "shift-2026-01-31-30012", VCC: "default", WorkNo: "30012", Inspector: "1001", Outcome: messages.OutcomeSignedOut,
		Retcode: "0", Message: "success", HTTPStatus: 200, Attempts: 1, IssuedAt: now, StartedAt: now, FinishedAt: now, Worker: "w1",
	}
	progress := messages.Progress{
		ID: "shift-2026-01-31-30012", VCC: "default", WorkNo: "30012", Phase: messages.PhaseAttempt,
		Attempt: 1, Retcode: "0", HTTPStatus: 200, Worker: "w1", At: now,
	}
	return []wireCost{
		{"DecodeCommand", 13, func() error { _, err := messages.DecodeCommand(command); return err }},
		{"EncodeResult", 1, func() error { _, err := result.Encode(); return err }},
		{"EncodeProgress", 1, func() error { _, err := progress.Encode(); return err }},
	}
}

type wireCost struct {
	what   string
	allocs float64
	do     func() error
}

func BenchmarkWire(b *testing.B) {
	for _, c := range wire() {
		b.Run(c.what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
