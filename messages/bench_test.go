package messages_test

import (
	"testing"
	"time"

	"github.com/forcelogout/forcelogout/messages"
)

func decodeBenchCommand() error {
	_, err := messages.DecodeCommand([]byte(`{"id":"shift-2026-01-31-30012","workNo":"30012","issuedAt":"2026-01-31T18:00:00.123Z","reason":"shift end"}`))
	return err
}

func benchResult() messages.Result {
	now := time.Now()
	return messages.Result{
		ID: "shift-2026-01-31-30012", VCC: "default", WorkNo: "30012", Inspector: "1001", Outcome: messages.OutcomeSignedOut,
		Retcode: "0", Message: "success", HTTPStatus: 200, Attempts: 1, IssuedAt: now, StartedAt: now, FinishedAt: now, Worker: "w1",
	}
}

func benchProgress() messages.Progress {
	return messages.Progress{
		ID: "shift-2026-01-31-30012", VCC: "default", WorkNo: "30012", Phase: messages.PhaseAttempt,
		Attempt: 1, Retcode: "0", HTTPStatus: 200, Worker: "w1", At: time.Now(),
	}
}

func BenchmarkDecodeCommand(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := decodeBenchCommand(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeResult(b *testing.B) {
	r := benchResult()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Encode(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeProgress(b *testing.B) {
	p := benchProgress()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Encode(); err != nil {
			b.Fatal(err)
		}
	}
}
