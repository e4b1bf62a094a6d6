package vectors

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"strconv"
)

func load(files fs.FS) (Set, error) {
	var set Set
	for _, file := range []struct {
		name string
		into any
	}{
		{"enhanced.json", &set.Enhanced},
		{"basic.json", &set.Basic},
		{"streams.json", &set.Streams},
		{"messages.json", &set.Messages},
	} {
		data, err := fs.ReadFile(files, file.name)
		if err != nil {
			return Set{}, fmt.Errorf("vectors: %w", err)
		}
		document := struct {
			Version string `json:"version"`
			Tests   any    `json:"tests"`
		}{Tests: file.into}
		if err := json.Unmarshal(data, &document); err != nil {
			return Set{}, fmt.Errorf("vectors: %s: %w", file.name, err)
		}
		set.Version = document.Version
	}
	return set, nil
}

func loadVersions(files fs.FS) ([]Version, error) {
	data, err := fs.ReadFile(files, "history.json")
	if err != nil {
		return nil, fmt.Errorf("vectors: %w", err)
	}
	var document struct{ Versions []Version }
	if err := json.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("vectors: history.json: %w", err)
	}
	return document.Versions, nil
}

// UnmarshalJSON reads a vector as the files have it.
func (v *FrameVector) UnmarshalJSON(data []byte) error {
	type plain FrameVector // the fields without this method
	file := struct {
		*plain
		Bytes hexBytes
	}{plain: (*plain)(v)}
	if err := json.Unmarshal(data, &file); err != nil {
		return err
	}
	v.Bytes = file.Bytes
	return nil
}

// UnmarshalJSON reads a frame as the files have it.
func (f *Frame) UnmarshalJSON(data []byte) error {
	var file struct {
		ID      decimal
		Payload hexBytes
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return err
	}
	f.ID, f.Payload = uint64(file.ID), file.Payload
	return nil
}

// UnmarshalJSON reads a vector as the files have it.
func (v *MessageVector) UnmarshalJSON(data []byte) error {
	type plain MessageVector
	file := struct {
		*plain
		HeaderID decimal
		ID       decimal
		Bytes    hexBytes
		Body     string
	}{plain: (*plain)(v)}
	if err := json.Unmarshal(data, &file); err != nil {
		return err
	}
	v.HeaderID, v.ID, v.Bytes = uint64(file.HeaderID), uint64(file.ID), file.Bytes
	if file.Body != "" {
		v.Body = json.RawMessage(file.Body)
	}
	return nil
}

// UnmarshalJSON reads the IDs as the files have them.
func (a *AnswerIDs) UnmarshalJSON(data []byte) error {
	var file struct{ Enhanced, Basic []decimal }
	if err := json.Unmarshal(data, &file); err != nil {
		return err
	}
	for _, id := range file.Enhanced {
		a.Enhanced = append(a.Enhanced, uint64(id))
	}
	for _, id := range file.Basic {
		a.Basic = append(a.Basic, uint64(id))
	}
	return nil
}

// hexBytes are bytes that the files have in hexadecimal digits.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil {
		return fmt.Errorf("bytes %q: %w", text, err)
	}
	*h = b
	return nil
}

// decimal is an ID that the files have as a string, because many JSON libraries
// read numbers as doubles, which end at 2^53 [MSG-5].
type decimal uint64

func (d *decimal) UnmarshalText(text []byte) error {
	id, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return fmt.Errorf("ID: %w", err)
	}
	*d = decimal(id)
	return nil
}
