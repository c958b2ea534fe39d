package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func (in *Intake) bound() jetstream.Consumer {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.consumer
}

// info asks the server for the consumer as it is now.
func (in *Intake) info(ctx context.Context) (*jetstream.ConsumerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	asked := time.Now()
	info, err := in.bound().Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the consumer: %w", err)
	}
	in.leases.heard(info, asked)
	return info, nil
}

// errAnotherConsumer: the consumer was deleted and made again.
var errAnotherConsumer = errors.New("the consumer was deleted and made again")

// rebind makes sure that there is a consumer as it must be.
func (in *Intake) rebind(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	consumer, err := in.bind(ctx)
	if err == nil {
		if now := consumer.CachedInfo().Config.AckWait; now != in.leases.ackWait {
			err = fmt.Errorf("its ack_wait is %v now, and was %v when this worker started: start the worker anew", now, in.leases.ackWait)
		}
	}
	if err != nil {
		in.stall(ctx, consumerUnusable, err.Error())
		return err
	}
	in.mu.Lock()
	in.consumer = consumer
	in.mu.Unlock()
	return nil
}
