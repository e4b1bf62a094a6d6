package vectors

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestLoadReadsEveryField(t *testing.T) {
	set, err := Load()
	require.NoError(t, err)
	require.Regexp(t, `^\d+\.\d+$`, set.Version)
	require.NotEmpty(t, set.Enhanced)
	require.NotEmpty(t, set.Basic)
	require.NotEmpty(t, set.Streams)
	require.NotEmpty(t, set.Messages)

	for _, v := range set.Streams {
		if v.TcID == "stream-enhanced-middle-bad-length" {
			require.Equal(t, "STR-3", v.Clause)
			require.NotEmpty(t, v.Comment)
			require.Equal(t, Enhanced, v.Framing)
			require.EqualValues(t, 64, v.MaxPayload)
			require.Equal(t, []Frame{{ID: 1, Payload: []byte("first")}}, v.Frames)
			require.Equal(t, BadLength, v.Error)
			require.Equal(t, 23+18, v.DecidedAt)
			require.Len(t, v.Bytes, 23+24+23)
			require.False(t, v.Valid())
		}
	}
	for _, v := range set.Messages {
		switch v.TcID {
		case "worker-request-id-2-64-minus-1-in-envelope":
			require.Equal(t, Worker, v.Receiver)
			require.Equal(t, []Framing{Enhanced, Basic}, v.Framings)
			require.EqualValues(t, uint64(1<<64-1), v.HeaderID)
			require.EqualValues(t, uint64(1<<64-1), v.ID)
			require.Equal(t, OutcomeRequest, v.Outcome)
			require.Equal(t, "echo", v.Method)
			require.Equal(t, `"hi"`, string(v.Body))
			require.True(t, v.Envelope)
		case "worker-malformed-nan":
			require.Equal(t, []string{"visible-id"}, v.Flags)
			require.Equal(t, AnswerIDs{Enhanced: []uint64{7}, Basic: []uint64{0, 7}}, v.AnswerIDs)
			require.Nil(t, v.Body)
		case "worker-cancellation":
			require.Equal(t, "timeout", *v.Reason)
		case "pool-failure":
			require.False(t, v.OK)
			require.Equal(t, "no such method: eco", v.ErrorText)
		case "pool-response-without-body":
			require.True(t, v.OK)
			require.Equal(t, "null", string(v.Body))
		}
	}
}

// Added and not removed is what there is, and each under the clause that it cites.
func TestTheVersionsAddUpToTheSet(t *testing.T) {
	set, err := Load()
	require.NoError(t, err)
	clauses := map[string]string{}
	for _, list := range [][]FrameVector{set.Enhanced, set.Basic, set.Streams} {
		for _, v := range list {
			clauses[v.TcID] = v.Clause
		}
	}
	for _, v := range set.Messages {
		clauses[v.TcID] = v.Clause
	}
	versions, err := Versions()
	require.NoError(t, err)
	came := map[string]string{}
	for _, version := range versions {
		for clause, names := range version.Added {
			for _, name := range names {
				came[name] = clause
			}
		}
		for _, names := range version.Removed {
			for _, name := range names {
				delete(came, name)
			}
		}
	}
	require.Equal(t, clauses, came)
	require.Equal(t, set.Version, versions[len(versions)-1].Version)
}

func TestDamagedFilesAreAnErrorThatNamesTheFile(t *testing.T) {
	for name, damage := range map[string]func(string) string{
		"no JSON":       func(s string) string { return s[:len(s)/2] },
		"no hex":        func(s string) string { return strings.Replace(s, `"bytes": "`, `"bytes": "x`, 1) },
		"no decimal":    func(s string) string { return strings.Replace(s, `"id": "`, `"id": "-`, 1) },
		"ID over 64bit": func(s string) string { return strings.Replace(s, `"id": "`, `"id": "99999999999999999999`, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, file := range []string{"enhanced.json", "basic.json", "streams.json", "messages.json"} {
				copied := copyOfFS(t)
				copied[file].Data = []byte(damage(string(copied[file].Data)))
				_, err := load(copied)
				require.ErrorContains(t, err, file)
			}
		})
	}
}

func TestAMissingFileIsAnError(t *testing.T) {
	copied := copyOfFS(t)
	delete(copied, "streams.json")
	_, err := load(copied)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "streams.json")
}

func TestFramesAreEqualByIDAndPayload(t *testing.T) {
	require.True(t, Frame{ID: 1}.Equal(Frame{ID: 1, Payload: []byte{}}))
	require.False(t, Frame{ID: 1}.Equal(Frame{ID: 2}))
	require.False(t, Frame{ID: 1, Payload: []byte("a")}.Equal(Frame{ID: 1, Payload: []byte("b")}))
}

func copyOfFS(t *testing.T) fstest.MapFS {
	t.Helper()
	copied := fstest.MapFS{}
	entries, err := fs.ReadDir(FS, ".")
	require.NoError(t, err)
	for _, entry := range entries {
		data, err := fs.ReadFile(FS, entry.Name())
		require.NoError(t, err)
		copied[entry.Name()] = &fstest.MapFile{Data: data}
	}
	return copied
}
