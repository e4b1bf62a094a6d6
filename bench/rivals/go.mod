module github.com/pyproctest/pyproctest/bench/rivals

go 1.26.0

require (
	github.com/go-zeromq/zmq4 v0.17.0
	github.com/pyproctest/pyproctest v0.0.0
	github.com/ugorji/go/codec v1.3.2
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/go-zeromq/goczmq/v4 v4.2.2 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260817212433-ac3dfec99bb1 // indirect
)

replace github.com/pyproctest/pyproctest => ../..
