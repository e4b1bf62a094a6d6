package pool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/pyproctest/pyproctest/ref/pool"
)

// A pool of two Python workers. Each is a process of its own, started and stopped by the pool.
func Example() {
	p, err := pool.NewPool(pool.PoolOptions{
		Command: []string{"python3", "../../pyworker/conformance_worker.py"},
		Workers: 2,
		Output:  os.Stderr,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := p.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := p.Shutdown(ctx); err != nil {
			fmt.Println(err)
		}
	}()

	answer, err := p.Call(context.Background(), "echo", map[string]string{"text": "hello"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(answer))

	var length string
	if err := p.CallInto(context.Background(), "blob", map[string]int{"size": 5}, &length); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(length))

	_, err = p.Call(context.Background(), "fail", map[string]string{"message": "no model"})
	var remote *pool.RemoteError
	fmt.Println(errors.As(err, &remote))
	// Output:
	// {"text":"hello"}
	// 5
	// true
}

// A call ends with its context. The worker gets a cancellation.
func ExamplePool_Call_timeout() {
	p, err := pool.NewPool(pool.PoolOptions{
		Command: []string{"python3", "../../pyworker/conformance_worker.py"},
		Workers: 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := p.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = p.Shutdown(context.Background()) }()

	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = p.Call(ctx, "sleep", map[string]int{"ms": 60_000})
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	fmt.Println("may have run:", errors.Is(err, pool.ErrMayHaveRun))
	// Output:
	// true
	// may have run: true
}
