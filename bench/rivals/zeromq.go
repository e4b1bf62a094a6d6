package rivals

import (
	"context"
	"encoding/json"

	"github.com/go-zeromq/zmq4"
)

// viaZeroMQ is a REQ socket, on which one call follows another, so each caller has its own. What it
// carries is JSON.
type viaZeroMQ struct {
	zmq4.Socket
	text string
	id   uint64
}

type zeroMQMessage struct {
	ID     uint64 `json:"id"`
	Method string `json:"method,omitempty"`
	Body   string `json:"body"`
}

func connectZeroMQ(socket, text string) (caller, error) {
	s := zmq4.NewReq(context.Background())
	if err := s.Dial("ipc://" + socket); err != nil {
		return nil, err
	}
	return &viaZeroMQ{Socket: s, text: text}, nil
}

func (c *viaZeroMQ) call() error {
	c.id++
	request, err := json.Marshal(zeroMQMessage{ID: c.id, Method: "echo", Body: c.text})
	if err != nil {
		return err
	}
	if err := c.Send(zmq4.NewMsg(request)); err != nil {
		return err
	}
	message, err := c.Recv()
	if err != nil {
		return err
	}
	var answer zeroMQMessage
	if err := json.Unmarshal(message.Bytes(), &answer); err != nil {
		return err
	}
	return checkEcho(answer.Body, c.text)
}
