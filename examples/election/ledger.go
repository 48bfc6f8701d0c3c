package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Ledger is the protected resource: it takes lines by POST from whoever has the greatest token so far. It knows nothing of
// ZooKeeper. (A real one keeps the greatest token with its data, so that it survives a restart.)
type Ledger struct {
	Out io.Writer

	mu       sync.Mutex
	greatest int64
}

const tokenHeader = "Fencing-Token"

func (l *Ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, err := strconv.ParseInt(r.Header.Get(tokenHeader), 10, 64)
	line, readErr := io.ReadAll(http.MaxBytesReader(w, r.Body, 1000))
	if r.Method != http.MethodPost || err != nil || readErr != nil {
		http.Error(w, "POST a short line with a "+tokenHeader, http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock() // token check and write are one step
	if token < l.greatest {
		fmt.Fprintf(l.Out, "REFUSED  0x%x %s (0x%x was here)\n", token, line, l.greatest)
		http.Error(w, fmt.Sprintf("token 0x%x is older than 0x%x", token, l.greatest), http.StatusConflict)
		return
	}
	l.greatest = token
	fmt.Fprintf(l.Out, "accepted 0x%x %s\n", token, line)
}

// write sends a line to the ledger under a token.
func write(ctx context.Context, ledger string, token int64, line string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, ledger, strings.NewReader(line))
	if err != nil {
		return err
	}
	request.Header.Set(tokenHeader, strconv.FormatInt(token, 10))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case answer.StatusCode == http.StatusConflict:
		return fmt.Errorf("%w: %s", errDeposed, strings.TrimSpace(string(text)))
	case err == nil && answer.StatusCode != http.StatusOK:
		err = fmt.Errorf("the ledger answers %s: %s", answer.Status, strings.TrimSpace(string(text)))
	}
	return err
}
