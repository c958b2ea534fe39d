package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/nats-io/nats.go"

	"github.com/forcelogout/forcelogout/messages"
)

// runWatermill is the same on watermill's router: the subscriber that its
// documentation recommends for JetStream, as many of it as the worker has slots, and
// its retry middleware with the worker's waits.
func runWatermill(ctx context.Context, args []string) error {
	p := newPeer("watermill", args)
	log := watermill.NopLogger{}
	marshaler := &wmnats.NATSMarshaler{}
	subscriber, err := wmnats.NewSubscriber(wmnats.SubscriberConfig{
		URL: p.natsURL, QueueGroupPrefix: "watermill", SubscribersCount: slots,
		AckWaitTimeout: 15 * time.Second, Unmarshaler: marshaler,
		JetStream: wmnats.JetStreamConfig{
			DurablePrefix: "watermill", AckAsync: true,
			SubscribeOptions: []nats.SubOpt{nats.DeliverAll(), nats.AckExplicit(), nats.MaxAckPending(50_000), nats.BindStream(peerCommands)},
		},
	}, log)
	if err != nil {
		return err
	}
	publisher, err := wmnats.NewPublisher(wmnats.PublisherConfig{
		URL: p.natsURL, Marshaler: marshaler, JetStream: wmnats.JetStreamConfig{TrackMsgId: true},
	}, log)
	if err != nil {
		return err
	}
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: time.Second}, log)
	if err != nil {
		return err
	}
	router.AddMiddleware(middleware.Retry{
		MaxRetries: 8, InitialInterval: 500 * time.Millisecond, Multiplier: 2, MaxInterval: 30 * time.Second, Logger: log,
	}.Middleware)
	router.AddHandler("forcelogout", peerCommands, subscriber, peerResults, publisher, func(m *message.Message) ([]*message.Message, error) {
		var c messages.Command
		if err := json.Unmarshal(m.Payload, &c); err != nil {
			return nil, err
		}
		started := time.Now()
		if err := p.post(m.Context(), c.WorkNo); err != nil {
			return nil, err
		}
		result, err := outcome(c, started)
		if err != nil {
			return nil, err
		}
		return message.Messages{message.NewMessage(c.ID, result.Data)}, nil
	})
	return router.Run(ctx)
}
