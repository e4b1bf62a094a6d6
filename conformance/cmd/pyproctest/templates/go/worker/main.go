// Command worker is a worker for conformance runs: your worker library with the methods that the suite
// calls [WRK-21].
//
// Fill in serve and run
//
//	go build -o worker-program ./worker && pyproctest run --worker ./worker-program
//
// Do not use go run here: it passes no signals on, and the suite sends some.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// method gets the body of the request. Its context ends when the request is cancelled [CAN-5]. What it
// returns is the body of the answer.
type method func(ctx context.Context, body json.RawMessage) (any, error)

// --- Yours -----------------------------------------------------------------------------------------

// serve listens on the Unix socket at path and serves these methods, and health, until SIGTERM. Use only
// your library for this, since the suite tests it.
func serve(path string, methods map[string]method) error {
	return errors.New("serve in worker/main.go is not written yet")
}

// --- The methods -----------------------------------------------------------------------------------

func main() {
	path := os.Getenv("PYPROC_SOCKET_PATH")
	err := errors.New("PYPROC_SOCKET_PATH is not set [WRK-3]")
	if path != "" {
		err = serve(path, methods())
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "worker: %v\n", err)
		os.Exit(1)
	}
}

func methods() map[string]method {
	var running atomic.Int64
	all := map[string]method{
		"echo":           func(_ context.Context, body json.RawMessage) (any, error) { return body, nil },
		"fail":           fail,
		"sleep":          sleep,
		"pid":            func(context.Context, json.RawMessage) (any, error) { return os.Getpid(), nil },
		"blob":           blob,
		"unserializable": func(context.Context, json.RawMessage) (any, error) { return func() {}, nil },
		"exit":           exit,
	}
	for name, m := range all {
		all[name] = func(ctx context.Context, body json.RawMessage) (any, error) {
			running.Add(1)
			defer running.Add(-1)
			return m(ctx, body)
		}
	}
	all["inflight"] = func(context.Context, json.RawMessage) (any, error) { return running.Load(), nil }
	return all
}

func fail(_ context.Context, body json.RawMessage) (any, error) {
	var in struct{ Message string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	return nil, errors.New(in.Message)
}

func sleep(ctx context.Context, body json.RawMessage) (any, error) {
	var in struct{ MS float64 }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	timer := time.NewTimer(time.Duration(in.MS * float64(time.Millisecond)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func blob(_ context.Context, body json.RawMessage) (any, error) {
	var in struct{ Size int }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	return strings.Repeat("x", in.Size), nil
}

func exit(_ context.Context, body json.RawMessage) (any, error) {
	var in struct{ Code int }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	os.Exit(in.Code)
	return nil, nil
}
