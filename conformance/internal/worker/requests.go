package worker

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// shortSleep is how long a handler sleeps that the case waits for.
const shortSleep = 300 * time.Millisecond

// sleepFor returns the body of a request for `sleep`.
func sleepFor(d time.Duration) string { return fmt.Sprintf(`{"ms":%d}`, d.Milliseconds()) }

// endlessSleep returns the body of a request for a `sleep` that is longer than any step waits, so that only a cancellation
// or the end of the worker ends it in time.
func (t *T) endlessSleep() string { return sleepFor(20 * t.Patience()) }

// unreadBlob is the body of a request for a `blob` that is larger than the buffer of a socket and fits into max_payload.
const unreadBlob = `{"size":2000000}`

// withID replaces each %d in the text of a message with the ID. Other percent signs may stand in the text.
func withID(payload string, id uint64) []byte {
	return []byte(strings.ReplaceAll(payload, "%d", strconv.FormatUint(id, 10)))
}
