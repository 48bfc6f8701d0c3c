package zkcli

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/chzyer/readline"
)

// interactive reads lines from a terminal, with editing, history and completion.
func (s *shell) interactive(ctx context.Context) int {
	rl, err := readline.NewEx(&readline.Config{Prompt: s.prompt(), AutoComplete: &completer{ctx: ctx, s: s}})
	if err != nil {
		s.warn("zkcli: open the terminal: " + err.Error())
		return 1
	}
	defer func() { _ = rl.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = rl.Close() })
	defer stop()
	s.mu.Lock()
	s.out, s.err = rl.Stdout(), rl.Stderr() // so that a watch event does not tear the line being edited
	s.mu.Unlock()
	for !s.quit {
		rl.SetPrompt(s.prompt())
		line, err := rl.Readline()
		if errors.Is(err, readline.ErrInterrupt) && line != "" {
			continue // Ctrl-C drops the line
		}
		if errors.Is(err, io.EOF) || errors.Is(err, readline.ErrInterrupt) || ctx.Err() != nil {
			break
		}
		if err != nil {
			s.warn("zkcli: read the terminal: " + err.Error())
			return 1
		}
		s.line(ctx, line)
	}
	return s.code
}

// completer completes commands and, for words that begin with a slash, paths.
type completer struct {
	ctx context.Context
	s   *shell
}

// completionTimeout bounds the wait for the children of a path.
const completionTimeout = 2 * time.Second

// Do implements readline.AutoCompleter: the endings that may follow line[:pos], and the length of the word they complete.
func (c *completer) Do(line []rune, pos int) ([][]rune, int) {
	head := string(line[:pos])
	word := head[strings.LastIndexAny(head, " \t")+1:]
	var full []string
	if strings.HasPrefix(word, "/") {
		full = c.paths(word)
	} else if strings.TrimSpace(head) == word {
		for _, cmd := range commands() {
			full = append(full, cmd.name+" ")
		}
	}
	var out [][]rune
	for _, f := range full {
		if rest, ok := strings.CutPrefix(f, word); ok {
			out = append(out, []rune(rest))
		}
	}
	return out, len([]rune(word))
}

// paths are the znodes in the directory that word names.
func (c *completer) paths(word string) []string {
	if c.s.client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, completionTimeout)
	defer cancel()
	dir := word[:strings.LastIndexByte(word, '/')+1]
	parent := strings.TrimSuffix(dir, "/")
	if parent == "" {
		parent = "/"
	}
	names, _, err := c.s.client.Children(ctx, parent, false)
	if err != nil {
		return nil
	}
	slices.Sort(names)
	for i := range names {
		names[i] = dir + names[i]
	}
	return names
}
