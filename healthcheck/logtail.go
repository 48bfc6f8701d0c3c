package healthcheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// logTail bounds what is read of a service's log.
const logTail = 64 << 10

// LogTail returns a function that reads the end of the service's log file: the last 64 KiB, from the beginning of a line.
// Of a pattern (filepath.Match) it reads the file that was written last. It works for a service that hangs, which answers
// no question for its threads.
func LogTail(pattern string) func(ctx context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) {
		file, err := newest(pattern)
		if err != nil {
			return nil, fmt.Errorf("log tail: %w", err)
		}
		text, err := tail(file)
		if err != nil {
			return nil, fmt.Errorf("log tail: %w", err)
		}
		return append([]byte(file+":\n"), text...), nil
	}
}

func newest(pattern string) (string, error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return "", fmt.Errorf("pattern %q: %w", pattern, err)
	}
	var last os.FileInfo
	var name string
	for _, f := range files {
		if st, err := os.Stat(f); err == nil && st.Mode().IsRegular() && (last == nil || st.ModTime().After(last.ModTime())) {
			name, last = f, st
		}
	}
	if name == "" {
		return "", fmt.Errorf("there is no file %s", pattern)
	}
	return name, nil
}

func tail(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, st.Size()-logTail)
	text := make([]byte, st.Size()-from)
	n, err := f.ReadAt(text, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	text = text[:n]
	if i := bytes.IndexByte(text, '\n'); from > 0 && i >= 0 {
		text = text[i+1:]
	}
	return text, nil
}
