package main

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// version is that of the whole set. A vector added raises the second number; one
// removed, renamed or given another verdict raises the first.
const version = "1.0"

// defaultLimit is max_payload where none is set [FRM-13].
const defaultLimit = 10485760

// generate makes every file, by name.
func generate() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, d := range []document{enhancedFrames(), basicFrames(), streams(), messages()} {
		text, err := d.text()
		if err != nil {
			return nil, fmt.Errorf("encode %s.json: %w", d.Name, err)
		}
		files[d.Name+".json"] = text
	}
	return files, nil
}

// A document is one file as it is written.
type document struct {
	Schema      string            `json:"$schema"`
	Name        string            `json:"name"`
	Version     string            `json:"version"`
	Description string            `json:"description"`
	MaxPayload  uint32            `json:"maxPayload,omitempty"`
	Flags       map[string]string `json:"flags"`
	Count       int               `json:"numberOfTests"`
	Tests       any               `json:"tests"`
}

func frameDocument(name, prefix, description string, generators ...func(*frameFile)) document {
	file := &frameFile{prefix: prefix}
	for _, generator := range generators {
		generator(file)
	}
	d := newDocument(name, description)
	d.MaxPayload, d.Count, d.Tests = defaultLimit, len(file.cases), file.cases
	for _, c := range file.cases {
		d.explain(c.Flags)
	}
	return d
}

func messageDocument(name, description string, generators ...func(*messageFile)) document {
	file := &messageFile{}
	for _, generator := range generators {
		generator(file)
	}
	d := newDocument(name, description)
	d.Count, d.Tests = len(file.cases), file.cases
	for _, c := range file.cases {
		d.explain(c.Flags)
	}
	return d
}

func newDocument(name, description string) document {
	return document{Schema: "schema.json", Name: name, Version: version, Description: description, Flags: map[string]string{}}
}

func (d document) text() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(d)
	return out.Bytes(), err
}
