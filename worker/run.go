package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/forcelogout/forcelogout/worker/record"
)

// Run executes commands until the context ends, and then drains: it pulls no
// more, lets calls in flight end, and hands waiting commands back. It returns
// when nothing of it runs any more. Commands that were cut off by DrainTimeout
// are left to redelivery; that is logged and no error.
func (w *Worker) Run(ctx context.Context) {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var background, book sync.WaitGroup
	// Until the last execution has ended.
	for _, part := range []func(context.Context){
		w.executor.ReadProtected, w.intake.Extend, w.book.Ledger.Run, w.book.Notes.Run, w.throttle.inspectors.Run, w.throttle.run, w.sweeper.HearWithdrawals, w.answerStatus, w.watchBoard,
	} {
		background.Go(func() { part(work) })
	}
	// Until the drain begins.
	for _, part := range []func(context.Context){w.intake.Watch, w.tryGateway, w.sweeper.Expire, w.sweeper.EndWithdrawn, w.sweeper.EndSwallowed} {
		background.Go(func() { part(ctx) })
	}
	book.Go(func() { w.book.Run(work) })
	w.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "worker started", slog.String("vcc", w.cfg.VCC), slog.Int("concurrency", w.cfg.Concurrency))

	stopDraining := context.AfterFunc(ctx, func() { close(w.draining) })
	defer stopDraining()
	w.intake.Run(ctx, work)

	w.drain(&book, stop)
	background.Wait()
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), record.StoreTimeout)
	defer cancel()
	if err := w.nc.FlushWithContext(flush); err != nil {
		w.cfg.Log.LogAttrs(flush, slog.LevelWarn, "the last acknowledgements may not have been sent; redelivery finds the results", slog.Any("error", err))
	}
}

func (w *Worker) watchBoard(ctx context.Context) { w.board.Run(ctx, w.intake.AckWait()) }

func (w *Worker) tryGateway(ctx context.Context) { w.throttle.gate.Run(ctx, w.executor.AskGateway) }

// drain waits for the executions, and then for what they have told the book, and cuts them
// off at the drain timeout.
func (w *Worker) drain(book *sync.WaitGroup, stop context.CancelFunc) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.crew.busy.Wait()
		w.book.Close()
		book.Wait()
	}()
	timer := time.NewTimer(w.cfg.DrainTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		inHand, waits := w.throttle.capacity.InHand()
		w.cfg.Log.LogAttrs(context.Background(), slog.LevelWarn, "drain timeout, commands left to redelivery",
			slog.Int("in_hand", inHand-waits))
		stop()
		<-done
	}
	stop()
	w.cfg.Log.LogAttrs(context.Background(), slog.LevelInfo, "worker stopped", slog.String("vcc", w.cfg.VCC))
}
