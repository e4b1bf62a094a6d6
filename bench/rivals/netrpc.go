package rivals

import (
	"net/rpc"
	"net/rpc/jsonrpc"

	"github.com/ugorji/go/codec"
)

// viaNetRPC is a client of net/rpc, whatever its codec, on one connection for all callers.
type viaNetRPC struct {
	*rpc.Client
	text string
	args any
}

func connectJSON(socket, text string) (caller, error) {
	conn, err := dial(socket)
	if err != nil {
		return nil, err
	}
	return viaNetRPC{jsonrpc.NewClient(conn), text, text}, nil
}

func connectMsgpack(socket, text string) (caller, error) {
	conn, err := dial(socket)
	if err != nil {
		return nil, err
	}
	handle := &codec.MsgpackHandle{WriteExt: true} // strings as such, not as bytes
	return viaNetRPC{
		rpc.NewClientWithCodec(codec.MsgpackSpecRpc.ClientCodec(conn, handle)), text,
		codec.MsgpackSpecRpcMultiArgs{text},
	}, nil
}

func (c viaNetRPC) call() error {
	var answer string
	if err := c.Call("echo", c.args, &answer); err != nil {
		return err
	}
	return checkEcho(answer, c.text)
}
