package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxStacks bounds what is read of a thread dump.
const maxStacks = 1 << 20

// Stacks returns a function that asks a NameNode's web server for its threads: address is host:port
// (dfs.namenode.http-address). Of a long answer the first MiB is returned. The function obeys its context.
func Stacks(address string) func(ctx context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		// A client of its own, without the environment's proxy, and without a connection that outlives the answer.
		transport := &http.Transport{DisableKeepAlives: true}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("the answer is a redirection, which is not followed")
		}}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/stacks", nil)
		if err != nil {
			return nil, fmt.Errorf("thread dump: %w; is dfs.namenode.http-address right?", err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return nil, fmt.Errorf("thread dump: %w", err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("thread dump: %s answers %s", req.URL, resp.Status)
		}
		text, err := io.ReadAll(io.LimitReader(resp.Body, maxStacks))
		if err != nil {
			return nil, fmt.Errorf("thread dump: %w", err)
		}
		return text, nil
	}
}
