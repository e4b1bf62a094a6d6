package vectors_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/vectors"
)

func TestEveryVectorCitesAClauseThatBindsItsReceiver(t *testing.T) {
	roles := rolesByClause(t)
	for _, v := range frameVectors(t) {
		require.Contains(t, roles[v.Clause], "framer", "%s cites %s", v.TcID, v.Clause)
	}
	for _, v := range loaded(t).Messages {
		require.Contains(t, roles[v.Clause], string(v.Receiver), "%s cites %s", v.TcID, v.Clause)
	}
}

// What the bytes that one receiver gets cannot show: what it writes, its memory, its
// configuration, and what takes two messages.
var beyondVectors = map[string]string{
	"FRM-11": "memory",
	"FRM-12": "a write",
	"FRM-14": "a configuration",
	"STR-5":  "writes at once",
	"STR-6":  "a write",
	"STR-7":  "an answer",
	"STR-8":  "reads and writes at once",
	"STR-9":  "memory",
	"STR-10": "an error of the stream",
	"MSG-14": "two messages",
	"MSG-17": "a write",
	"MSG-18": "a write",
	"MSG-19": "a write",
}

func TestEveryClauseThatBytesCanShowIsCited(t *testing.T) {
	cited := map[string]bool{}
	for _, v := range frameVectors(t) {
		cited[v.Clause] = true
	}
	for _, v := range loaded(t).Messages {
		cited[v.Clause] = true
	}
	for clause := range rolesByClause(t) {
		switch topic, _, _ := strings.Cut(clause, "-"); topic {
		case "FRM", "CRC", "STR", "MSG":
			require.Equal(t, beyondVectors[clause] == "", cited[clause], clause)
		}
	}
}

func TestNamesAreUniqueAndBeginWithTheirFile(t *testing.T) {
	wellFormed := regexp.MustCompile(`^[a-z]+(-[a-z0-9]+)+$`)
	seen := map[string]bool{}
	named := func(tcID, prefix string) {
		require.Regexp(t, wellFormed, tcID)
		require.True(t, strings.HasPrefix(tcID, prefix+"-"), tcID)
		require.False(t, seen[tcID], tcID)
		seen[tcID] = true
	}
	set := loaded(t)
	for prefix, list := range map[string][]vectors.FrameVector{"enhanced": set.Enhanced, "basic": set.Basic, "stream": set.Streams} {
		for _, v := range list {
			named(v.TcID, prefix)
		}
	}
	for _, v := range set.Messages {
		named(v.TcID, string(v.Receiver))
	}
}

// rolesByClause reads the clauses of SPEC.md and the roles that each binds.
func rolesByClause(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../conformance/SPEC.md")
	require.NoError(t, err)
	roles := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^- \*\*([A-Z]{3}-\d+)\*\* \([^;)]*; ([^)]*)\)`).FindAllStringSubmatch(string(text), -1) {
		roles[line[1]] = line[2]
	}
	require.NotEmpty(t, roles)
	return roles
}
