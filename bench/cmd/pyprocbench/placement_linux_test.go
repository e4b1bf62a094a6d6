package main

import (
	"bytes"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestAPinnedProcessAndItsChildrenHaveOneCoreAndThisOneKeepsItsOwn(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &before))

	var out bytes.Buffer
	cmd := exec.Command("sh", "-c", "sh -c 'grep Cpus_allowed_list /proc/self/status'")
	cmd.Stdout = &out
	require.NoError(t, pinned.start(cmd))
	require.NoError(t, cmd.Wait())
	_, cores, _ := strings.Cut(strings.TrimSpace(out.String()), ":")
	require.Regexp(t, `^\d+$`, strings.TrimSpace(cores))

	require.NoError(t, unix.SchedGetaffinity(0, &after))
	require.Equal(t, before, after)
}
