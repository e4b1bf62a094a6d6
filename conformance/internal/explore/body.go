package explore

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// values are JSON texts that something between two programs may change: numbers that few types hold, and strings with what
// stands between values elsewhere.
var values = []string{
	"null", "false", "0", `""`, "true", "1", "-1", `"hi"`, "[]", "{}", "9007199254740993", "18446744073709551615", "-9223372036854775808", "1.5", "-0.0", "1e300", "0.1", "5e-324", "1e-7",
	"123456789012345678", `"\u0000"`, `"a\u0000b"`, `"\ud83d\ude00"`, `"日本語 😀"`, `"\\\"\/\b\f\n\r\t"`, `"</script>"`, `"\u2028"`, `"1"`, `{"type":"request","payload":1}`, `{"id":5,"method":"x"}`,
}

// Body draws a JSON text with at most so many levels around the innermost values. It may have blanks between its parts, and
// strings with anything in them; no object has a key twice, and every number is one that a double can hold or an integer of
// 64 bits.
func Body(r *rand.Rand, levels int) string {
	blank := func() string {
		if r.IntN(8) == 0 {
			return one(r, " ", "  ", "\t", "\n", " \r\n")
		}
		return ""
	}
	if levels <= 0 || r.Float64() < 0.6 {
		if r.IntN(4) == 0 {
			return jsonString(r, 1+r.IntN(6))
		}
		return one(r, values...)
	}
	open, end := "[", "]"
	inner := func(int) string { return Body(r, levels-1) }
	if r.IntN(2) == 0 {
		open, end = "{", "}"
		inner = func(i int) string {
			key := one(r, "a", "id", "", "é", "Key", "key", `\"`, `\\`, " ", `b\" : `)
			return fmt.Sprintf(`"%s%d"%s:%s%s`, key, i, blank(), blank(), Body(r, levels-1))
		}
	}
	var parts []string
	for i := range r.IntN(4) {
		parts = append(parts, blank()+inner(i)+blank())
	}
	return open + blank() + strings.Join(parts, ",") + end
}

// one draws one of these.
func one(r *rand.Rand, all ...string) string { return all[r.IntN(len(all))] }

// jsonString draws a string of so many pieces that each mean something where they stand outside a string, or behind a
// backslash.
func jsonString(r *rand.Rand, pieces int) string {
	var b strings.Builder
	b.WriteByte('"')
	for range pieces {
		b.WriteString(one(r,
			`\"`, `\\`, " ", "  ", `\t`, `\n`, ",", ":", "{", "}", "[", "]", "/", `\/`, "a", "7", "null", "é", "😀", `\u0022`, `\u005c`, `\u0020`, "'", "<", "&", "\u2028", "\u007f"))
	}
	b.WriteByte('"')
	return b.String()
}
