// Listens to Postdate's events on NATS JetStream.
//
//	NATS_URL=nats://127.0.0.1:4222 go run .
//
// Each event has its effect once, however often it is sent and whenever this program is killed: the effect is a line in a
// file that has the event's id in it, written to the disk before the event is acknowledged. Settings: NATS_URL,
// NATS_STREAM, NATS_SUBJECT (what to listen to), NATS_DURABLE (whose place in the stream it is), EFFECTS (the file).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Event is what this program needs of a CloudEvent of Postdate's; docs/asyncapi.json has all of it.
type Event struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Subject string          `json:"subject"`
	Data    json.RawMessage `json:"data"`
}

// After so long without an ack an event is sent again, also what a killed program had in hand. Far more than a line takes.
const ackWait = 5 * time.Second

// What cannot be read is tried again after this, so that it is seen; nothing overtakes it meanwhile.
const retryPause = time.Second

func main() {
	// NATS has its own words for what goes wrong; the time stands in the log of whoever runs this.
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := listen(ctx); err != nil {
		log.Fatal(err)
	}
}

func listen(ctx context.Context) error {
	effects, err := OpenEffects(setting("EFFECTS", "effects.jsonl"))
	if err != nil {
		return err
	}
	defer effects.Close()
	// Once connected it waits for a server that goes away, however long.
	connection, err := nats.Connect(setting("NATS_URL", nats.DefaultURL), nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer connection.Close()
	events, err := subscribe(ctx, connection)
	if err != nil {
		return err
	}
	defer events.Stop()
	context.AfterFunc(ctx, events.Stop)
	log.Print("listening")
	for {
		message, err := events.Next()
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			return err
		}
		if err != nil {
			// Of one request for events; the next one is made in the next round.
			log.Print(err)
			continue
		}
		event, err := eventOf(message.Data())
		if err != nil {
			log.Print(errors.Join(err, message.NakWithDelay(retryPause)))
			continue
		}
		if err := effects.Once(event); err != nil {
			// What the file has now is known only to who reads it anew, which is the next start.
			return err
		}
		// An ack that is lost costs a repeat, and no effect.
		if err := message.Ack(); err != nil {
			log.Print(err)
		}
	}
}

// subscribe takes up the place of this durable consumer, or begins at the start of the stream.
func subscribe(ctx context.Context, connection *nats.Conn) (jetstream.MessagesContext, error) {
	stream, err := jetstream.New(connection)
	if err != nil {
		return nil, err
	}
	consumer, err := stream.CreateOrUpdateConsumer(ctx, setting("NATS_STREAM", "POSTDATE"), jetstream.ConsumerConfig{
		Durable:       setting("NATS_DURABLE", "go-example"),
		FilterSubject: setting("NATS_SUBJECT", "postdate.>"),
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       ackWait,
		// One at a time: else the next event of an entity could come before the one that is tried again.
		MaxAckPending: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("no consumer of the stream: %w", err)
	}
	return consumer.Messages(jetstream.PullMaxMessages(1))
}

func eventOf(body []byte) (Event, error) {
	var event Event
	if err := json.Unmarshal(body, &event); err != nil {
		return event, fmt.Errorf("not an event: %w", err)
	}
	if event.ID == "" {
		return event, errors.New("not an event: it has no id")
	}
	return event, nil
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
