package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// Effects is a file with a line for each event that has been handled. It stands for your own database: whatever it is,
// effect and id must be written in one step. It belongs to one process at a time.
type Effects struct {
	file *os.File
	seen map[string]bool
}

// OpenEffects reads which events have had their effect. Half a line at the end is of a write that was cut off, before its
// event was acknowledged: it is removed, and the event comes again.
func OpenEffects(path string) (*Effects, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	written, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	whole := written[:bytes.LastIndexByte(written, '\n')+1]
	if err := file.Truncate(int64(len(whole))); err != nil {
		return nil, err
	}
	effects := &Effects{file: file, seen: map[string]bool{}}
	for _, line := range bytes.Split(bytes.TrimSuffix(whole, []byte{'\n'}), []byte{'\n'}) {
		if len(line) == 0 {
			continue
		}
		var event Event
		if err := json.Unmarshal(line, &event); err != nil {
			return nil, fmt.Errorf("%s has a line that is no effect: %w", path, err)
		}
		effects.seen[event.ID] = true
	}
	return effects, nil
}

// Once writes an event down unless it has been; when it returns nil, the line is on the disk.
func (effects *Effects) Once(event Event) error {
	if effects.seen[event.ID] {
		return nil
	}
	line, err := json.Marshal(event)
	if err != nil {
		return err
	}
	if _, err := effects.file.Write(append(line, '\n')); err != nil {
		return err
	}
	if err := effects.file.Sync(); err != nil {
		return err
	}
	effects.seen[event.ID] = true
	return nil
}

// Close gives the file back.
func (effects *Effects) Close() error { return effects.file.Close() }
