package rivals

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// viaGRPC is a unary call with a string in a message, on one channel for all callers.
type viaGRPC struct {
	*grpc.ClientConn
	text string
}

func connectGRPC(socket, text string) (caller, error) {
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return viaGRPC{conn, text}, nil
}

func (c viaGRPC) call() error {
	var answer wrapperspb.StringValue
	if err := c.Invoke(context.Background(), "/bench.Echo/Call", wrapperspb.String(c.text), &answer); err != nil {
		return err
	}
	return checkEcho(answer.GetValue(), c.text)
}
