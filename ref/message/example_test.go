package message_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pyproctest/pyproctest/ref/message"
)

// A worker reads a request and answers it.
func Example() {
	payload := message.AppendRequest(nil, 7, "echo", json.RawMessage(`{"text":"hello"}`))
	fmt.Printf("%s\n", payload)

	request, err := message.ParseRequest(payload)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", message.AppendResponse(nil, request.ID, request.Body))
	fmt.Printf("%s\n", message.AppendErrorResponse(nil, request.ID, "no such method"))
	// Output:
	// {"id":7,"method":"echo","body":{"text":"hello"}}
	// {"id":7,"ok":true,"body":{"text":"hello"}}
	// {"id":7,"ok":false,"error":"no such method"}
}

// A caller reads an answer. Its body stays JSON, and large integers stay exact.
func ExampleParseResponse() {
	response, err := message.ParseResponse([]byte(`{"id":7,"ok":true,"body":18446744073709551615}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(response.ID, response.OK, string(response.Body))

	_, err = message.ParseResponse([]byte(`{"id":7,"ok":"yes"}`))
	fmt.Println(errors.Is(err, message.ErrShape))
	fmt.Println(err)
	// Output:
	// 7 true 18446744073709551615
	// true
	// message: unexpected shape at byte 13: found "yes", want true or false as "ok"
}

func ExampleAppendCancellation() {
	fmt.Printf("%s\n", message.AppendCancellation(nil, 7, "the caller has left"))
	// Output:
	// {"type":"cancellation","payload":{"id":7,"reason":"the caller has left"}}
}
