package hademo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
)

// Terminal is the view for a person: one screen that is redrawn ten times a second.
type Terminal struct {
	program *tea.Program
	done    chan struct{}
}

// NewTerminal takes over the terminal until Close. quit is called when the person presses q or Ctrl-C.
func NewTerminal(in io.Reader, out io.Writer, quit context.CancelFunc) *Terminal {
	t := &Terminal{done: make(chan struct{})}
	t.program = tea.NewProgram(&screen{quit: quit, started: time.Now()}, tea.WithInput(in), tea.WithOutput(out),
		tea.WithAltScreen(), tea.WithoutSignalHandler())
	go func() {
		defer close(t.done)
		_, _ = t.program.Run() // a terminal that fails shows nothing; the acts and the closing table do not depend on it
	}()
	return t
}

type (
	msgStarting string
	msgWatch    func() Live
	msgBegin    struct {
		name, title   string
		round, rounds int
	}
	msgStep struct {
		at         time.Duration
		node, what string
	}
	msgEnd  Result
	msgKeep string
	msgTick time.Time
)

// Starting implements View.
func (t *Terminal) Starting(dir string) { t.program.Send(msgStarting(dir)) }

// Watch implements View.
func (t *Terminal) Watch(live func() Live) { t.program.Send(msgWatch(live)) }

// Begin implements View.
func (t *Terminal) Begin(name, title string, round, rounds int) {
	t.program.Send(msgBegin{name, title, round, rounds})
}

// Step implements View.
func (t *Terminal) Step(at time.Duration, node, what string) { t.program.Send(msgStep{at, node, what}) }

// End implements View.
func (t *Terminal) End(r Result) { t.program.Send(msgEnd(r)) }

// Keeping tells how to play with what is left running.
func (t *Terminal) Keeping(hint string) { t.program.Send(msgKeep(hint)) }

// Close gives the terminal back.
func (t *Terminal) Close() {
	t.program.Quit()
	<-t.done
}

// screen is the model that bubbletea draws.
type screen struct {
	quit     context.CancelFunc
	started  time.Time
	dir      string
	live     func() Live
	now      Live
	rates    []float64
	begin    msgBegin
	steps    []msgStep
	results  []Result
	keep     string
	stopping bool
	width    int
	height   int
}

const refresh = 100 * time.Millisecond

func tick() tea.Cmd { return tea.Tick(refresh, func(t time.Time) tea.Msg { return msgTick(t) }) }

// Init implements tea.Model.
func (s *screen) Init() tea.Cmd { return tick() }

// Update implements tea.Model.
func (s *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch m := msg.(type) {
	case tea.WindowSizeMsg:
		s.width, s.height = m.Width, m.Height
	case tea.KeyMsg:
		if k := m.String(); k == "q" || k == "ctrl+c" || k == "esc" {
			s.stopping = true
			s.quit()
		}
	case msgTick:
		if s.live != nil {
			s.now = s.live()
			s.rates = append(s.rates, s.now.Rate)
			if len(s.rates) > 60 {
				s.rates = s.rates[1:]
			}
		}
		return s, tick()
	case msgStarting:
		s.dir = string(m)
	case msgWatch:
		s.live = m
	case msgBegin:
		s.begin, s.steps = m, nil
	case msgStep:
		s.steps = append(s.steps, m)
	case msgEnd:
		s.results = append(s.results, Result(m))
	case msgKeep:
		s.keep = string(m)
	}
	return s, nil
}

var (
	bold    = lipgloss.NewStyle().Bold(true)
	dim     = lipgloss.NewStyle().Faint(true)
	green   = lipgloss.NewStyle().Foreground(lipgloss.Color("2")).Bold(true)
	yellow  = lipgloss.NewStyle().Foreground(lipgloss.Color("3")).Bold(true)
	red     = lipgloss.NewStyle().Foreground(lipgloss.Color("1")).Bold(true)
	cyan    = lipgloss.NewStyle().Foreground(lipgloss.Color("6"))
	boxes   = lipgloss.NewStyle().Border(lipgloss.RoundedBorder()).Padding(0, 1)
	actives = boxes.BorderForeground(lipgloss.Color("2"))
)

// View implements tea.Model.
func (s *screen) View() string {
	var b strings.Builder
	b.WriteString(bold.Render("Holdfast") + dim.Render("  one active node, whatever dies") + "\n\n")
	if s.live == nil {
		fmt.Fprintf(&b, "starting three zkservers, two NameNodes and their failover controllers …\n%s\n", dim.Render(s.dir))
		return b.String()
	}
	b.WriteString(s.machines() + "\n")
	b.WriteString(s.client() + "\n\n")
	switch {
	case s.keep != "":
		b.WriteString(s.keep + "\n\n")
	case s.begin.name != "":
		title := bold.Render(s.begin.title)
		if s.begin.rounds > 1 {
			title += dim.Render(fmt.Sprintf("   round %d of %d", s.begin.round, s.begin.rounds))
		}
		b.WriteString(cyan.Render("▶ ") + title + "\n")
		b.WriteString(s.timeline() + "\n")
	}
	if len(s.results) > 0 {
		b.WriteString(Table(s.recent()))
	}
	b.WriteString("\n" + s.footer())
	return b.String()
}

// machines draws the two nodes and the zkservers side by side.
func (s *screen) machines() string {
	cells := make([]string, 0, len(s.now.Nodes)+1)
	for _, n := range s.now.Nodes {
		style := boxes
		if n.State == "active" {
			style = actives
		}
		lock := dim.Render("no lock")
		if s.now.Holder == n.ID {
			lock = yellow.Render("holds the lock")
		}
		cells = append(cells, style.Width(30).Render(fmt.Sprintf("%s\nNameNode  %s\nzkfc      %s  %s",
			bold.Render(n.ID), nameNode(n), light(n.Controller), lock)))
	}
	cells = append(cells, boxes.Width(24).Render(s.ensemble()))
	return lipgloss.JoinHorizontal(lipgloss.Top, cells...)
}

// ensemble draws the zkservers, one a line.
func (s *screen) ensemble() string {
	lines := make([]string, 0, len(s.now.Servers))
	for _, z := range s.now.Servers {
		mode := z.Mode
		switch {
		case z.Vital != Running:
			mode = light(z.Vital)
		case mode == "leader":
			mode = green.Render(mode)
		case mode != "follower":
			mode = yellow.Render(mode)
		}
		lines = append(lines, bold.Render(z.ID)+"  "+mode)
	}
	return strings.Join(lines, "\n")
}

func orNobody(s string) string {
	if s == "" {
		return "nobody"
	}
	return s
}

// light is a process's vital as a coloured word.
func light(v Vital) string {
	switch v {
	case Running:
		return green.Render("up")
	case Suspended:
		return yellow.Render("frozen")
	default:
		return red.Render("dead")
	}
}

// nameNode is what a NameNode is, as a coloured word.
func nameNode(n LiveNode) string {
	if n.NameNode != Running {
		return light(n.NameNode)
	}
	switch n.State {
	case "active":
		return green.Render("ACTIVE")
	case "":
		return yellow.Render("no answer")
	default:
		return n.State
	}
}

// client draws the writing client's line: how fast, how long since the last acknowledgement.
func (s *screen) client() string {
	since := fmt.Sprintf("last write %s ms ago", ms(s.now.SinceLast))
	if s.now.SinceLast > 200*time.Millisecond {
		since = red.Render("waiting for " + ms(s.now.SinceLast) + " ms")
	}
	return fmt.Sprintf("client  %s writes/s  %s  %s  %s", bold.Render(fmt.Sprintf("%7s", thousands(int(s.now.Rate)))),
		cyan.Render(sparkline(s.rates)), since, dim.Render(thousands(s.now.Acked)+" acknowledged"))
}

// sparkline draws numbers as bars of eight heights.
func sparkline(v []float64) string {
	const bars = "▁▂▃▄▅▆▇█"
	top := 1.0
	for _, x := range v {
		top = max(top, x)
	}
	var b strings.Builder
	for _, x := range v {
		b.WriteRune([]rune(bars)[min(int(x/top*8), 7)])
	}
	return b.String()
}

// timeline shows the last steps of the act, as many as there is room for.
func (s *screen) timeline() string {
	room := 10
	if s.height > 0 {
		room = min(max(s.height-18-min(len(s.results), 8), 3), 14)
	}
	steps := s.steps[max(len(s.steps)-room, 0):]
	var b strings.Builder
	for _, st := range steps {
		fmt.Fprintf(&b, "  %s  %s  %s\n", dim.Render(fmt.Sprintf("%+9.1f ms", float64(st.at)/1e6)), bold.Render(st.node), st.what)
	}
	return b.String()
}

// recent are the results that fit.
func (s *screen) recent() []Result { return s.results[max(len(s.results)-8, 0):] }

func (s *screen) footer() string {
	if s.stopping {
		return yellow.Render("stopping everything …")
	}
	return dim.Render("q or Ctrl-C ends it and leaves nothing behind")
}
