package conformance_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWorkerFaultsOfTheThirdBlindBatchShow(t *testing.T) {
	showEach(t, []showing{
		{"keeps-the-mode-of-the-stale-socket", "-rw-------", "-rwxr-xr-x", func(t *testing.T, what ...string) string {
			path, _ := startPlanted(t, "a stale socket", what...)
			c := dialPlanted(t, path)
			c.ask(1, `{"id":1,"method":"echo"}`)
			c.read() // so it is done with its socket
			info, err := os.Stat(path)
			require.NoError(t, err)
			return info.Mode().Perm().String()
		}},
		{"true-is-the-id-1", "error", "ok", answerTo(1, `{"id":true,"method":"echo"}`)},
		{"cancellations-go-by-their-header", `"error":"cancelled"`, `"body":"slept"`, func(t *testing.T, what ...string) string {
			ms := 60_000
			if len(what) > 0 {
				ms = 500
			}
			c := callPlanted(t, newPlantedHere(t, what...))
			for _, text := range []string{fmt.Sprintf(`{"id":1,"method":"sleep","body":{"ms":%d}}`, ms), `{"type":"cancellation","payload":{"id":1}}`} {
				c.write(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...))
			}
			size := make([]byte, 4)
			_, err := io.ReadFull(c.conn, size)
			require.NoError(t, err)
			answer := make([]byte, binary.BigEndian.Uint32(size))
			_, err = io.ReadFull(c.conn, answer)
			require.NoError(t, err)
			return rest(string(answer))
		}},
		{"envelopes-of-answers-are-not-counted", "fits", "is over max_payload", func(t *testing.T, what ...string) string {
			c := callPlanted(t, newPlantedHere(t, what...))
			c.ask(1, fmt.Sprintf(`{"type":"request","payload":{"id":1,"method":"blob","body":{"size":%d}}}`, plantedMax-40))
			if _, answer := c.read(); len(answer) > plantedMax {
				return "is over max_payload"
			}
			return "fits"
		}},
		{"answers-nobody-reads-hold-up-the-end", "1 answer at its end", "0 answers at its end", func(t *testing.T, what ...string) string {
			w := newPlantedHere(t, what...)
			c := callPlanted(t, w)
			c.ask(1, `{"id":1,"method":"blob","body":{"size":4000000}}`)
			require.Eventually(t, func() bool { return w.leaving.Load() > 0 }, time.Minute, 5*time.Millisecond)
			answers := make(chan int64, 1)
			go func() {
				w.stop(syscall.SIGTERM, "")
				answers <- w.leaving.Load()
			}()
			if len(what) > 0 { // or it would never end
				waitUntilItStops(t, w)
				_ = c.conn.Close()
			}
			n := <-answers
			return fmt.Sprintf("%d answer%s at its end", n, strings.Repeat("s", int(1-n)))
		}},
	})
}
