package adapter

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// tail keeps the end of what is written to it, and passes everything on.
type tail struct {
	next io.Writer // nil if there is none

	mu   sync.Mutex
	kept []byte
	lost bool // the beginning is missing
}

const keptByTail = 8 << 10 // bytes

func newTail(next *tail) *tail {
	if next == nil {
		return &tail{}
	}
	return &tail{next: next}
}

func (t *tail) Write(p []byte) (int, error) {
	if t.next != nil {
		_, _ = t.next.Write(p)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - keptByTail; over > 0 {
		t.kept, t.lost = append(t.kept[:0], t.kept[over:]...), true
	}
	return len(p), nil
}

// String returns what was kept. If the beginning is missing, it starts with a whole line.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := t.kept
	if t.lost {
		if at := bytes.IndexByte(kept, '\n'); at >= 0 {
			kept = kept[at+1:]
		}
		kept = append([]byte("…\n"), kept...)
	}
	return strings.ToValidUTF8(strings.TrimSpace(string(kept)), string(utf8.RuneError))
}

// quote returns a line of the program, or its beginning, for a message of one line.
func quote(line []byte) string {
	const shown = 120
	more := ""
	if len(line) > shown {
		line, more = line[:shown], " …"
	}
	if s := string(line); strconv.CanBackquote(s) {
		return "`" + s + "`" + more
	}
	return strconv.Quote(string(line)) + more
}
