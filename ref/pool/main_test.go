package pool_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedParent); dir != "" {
		fmt.Fprintln(os.Stderr, runParent(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
