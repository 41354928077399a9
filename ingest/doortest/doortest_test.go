package doortest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sportello/sportello/ingest"
	"github.com/sportello/sportello/ticketing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// paper is a door in memory that can be given one defect; with none it keeps its promises.
type paper struct {
	defect string

	mu      sync.Mutex
	spoil   string // what happens to the next message
	blind   bool
	mute    chan struct{} // closed when the platform has fallen silent
	hearing chan struct{} // closed when Receive runs
	say     chan string
	arrived []Arrival
	asked   int
	parsed  int
	rows    int
}

func newPaper(defect string) *paper {
	return &paper{defect: defect, mute: make(chan struct{}), hearing: make(chan struct{}), say: make(chan string, 10)}
}

type sheet struct{ ID, Body string }

func (p *paper) Name() string { return "paper:desk" }

func (p *paper) Receive(ctx context.Context, into ingest.Acceptor) error {
	close(p.hearing)
	for n := 1; ; n++ {
		done := ctx.Done()
		if p.defect == "deaf" {
			done = nil
		}
		if p.defect == "deaf in silence" {
			select {
			case <-p.mute:
				done = nil
			default:
			}
		}
		var words string
		select {
		case <-done:
			return ctx.Err()
		case words = <-p.say:
		case <-time.After(50 * time.Millisecond):
			continue
		}
		raw, _ := json.Marshal(sheet{fmt.Sprint(n), words})
		item := ingest.Raw{Identity: fmt.Sprint("paper:", n), Bytes: raw}
		door := p.Name()
		switch p.defect {
		case "cuts":
			item.Bytes = raw[:len(raw)/2]
		case "one identity":
			item.Identity = "paper"
		case "wrong name":
			door = "paper"
		}
		for into.Accept(ctx, door, ticketing.Lease{}, []ingest.Raw{item}, nil) != nil && ctx.Err() == nil {
			if p.defect == "drops" {
				break
			}
		}
		if p.defect == "two identities" {
			item.Identity += "/again"
			_ = into.Accept(ctx, door, ticketing.Lease{}, []ingest.Raw{item}, nil)
		}
	}
}

func (p *paper) Parse(_ context.Context, _ ticketing.Inbound, raw []byte) (ticketing.Heard, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parsed++
	h := ticketing.Heard{Door: p.Name(), Group: "desk"}
	var s sheet
	if err := json.Unmarshal(raw, &s); err != nil || s.ID == "" {
		switch p.defect {
		case "parse fails":
			return h, errors.New("bad bytes")
		case "parse panics":
			panic("bad bytes")
		case "parse forgets":
			return h, nil
		case "silent refusal":
			h.Refused = ticketing.CauseMalformed
			return h, nil
		}
		h.Refused, h.Detail = ticketing.CauseMalformed, "no sheet"
		return h, nil
	}
	sum := sha256.Sum256([]byte(s.ID))
	h.Ref, h.LogicalKey, h.Visible = ticketing.Ref("paper:"+s.ID), hex.EncodeToString(sum[:]), strings.ReplaceAll(s.Body, "\x00", "")
	switch p.defect {
	case "parse differs":
		h.LogicalKey = fmt.Sprint(p.parsed)
	case "one key":
		h.LogicalKey = "key"
	case "keeps NUL":
		h.Visible = s.Body
	case "path":
		h.Files = []ticketing.HeardFile{{Name: "../x"}}
	case "parse writes":
		raw[0] = ' '
	}
	return h, nil
}

func (p *paper) Render(_ context.Context, o ticketing.Outgoing) ([]byte, ticketing.Ref, error) {
	if o.Kind != ticketing.LetterAnswer && p.defect != "says anything" {
		return nil, "", &ticketing.Error{Code: "paper.kind", Permanent: true}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rows++
	s := sheet{o.ID, o.Facts.Body}
	if p.defect == "render differs" {
		s.Body += fmt.Sprint(p.rows)
	}
	raw, err := json.Marshal(s)
	return raw, ticketing.Ref("paper:" + o.ID), err
}

func (p *paper) Send(ctx context.Context, o ticketing.Outgoing, raw []byte, began func() error) (ticketing.Ref, string, error) {
	fail := func(v ticketing.SendVerdict) (ticketing.Ref, string, error) {
		return "", "", &ticketing.SendError{Verdict: v, Code: "paper"}
	}
	if err := ctx.Err(); err != nil && p.defect != "ignores the end" {
		return fail(ticketing.SendTemporary)
	}
	p.mu.Lock()
	spoil := p.spoil
	p.spoil = ""
	p.mu.Unlock()
	if spoil == "suspend" && p.defect != "suspended as refused" {
		return fail(ticketing.SendSuspend)
	}
	ref := ticketing.Ref("paper:" + o.ID)
	take := func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked++
		if spoil == "" || spoil == "answer" {
			p.arrived = append(p.arrived, Arrival{string(raw), ref})
		}
	}
	switch p.defect {
	case "renders again":
		raw, _, _ = p.Render(ctx, o)
	case "began late":
		take()
	case "began twice":
		_ = began()
	}
	if err := began(); err != nil && p.defect != "began ignored" {
		if p.defect == "cause hidden" {
			return fail(ticketing.SendTemporary)
		}
		return "", "", err
	}
	if p.defect != "began late" {
		take()
	}
	switch spoil {
	case "refuse":
		if p.defect == "refused as temporary" {
			return fail(ticketing.SendTemporary)
		}
		return fail(ticketing.SendPermanent)
	case "defer":
		if p.defect == "deferred as refused" {
			return fail(ticketing.SendPermanent)
		}
		return fail(ticketing.SendTemporary)
	case "suspend":
		return fail(ticketing.SendPermanent)
	case "message", "answer":
		switch p.defect {
		case "sends again":
			spoil = ""
			take()
			return ref, "ok", nil
		case "lost as temporary":
			return fail(ticketing.SendTemporary)
		case "lost as refused":
			return fail(ticketing.SendPermanent)
		case "no verdict":
			return "", "", errors.New("gone")
		}
		return fail(ticketing.SendUnknown)
	}
	if p.defect == "other ref" {
		return ref + "x", "ok", nil
	}
	return ref, "ok", nil
}

func (p *paper) Probe(ctx context.Context, o ticketing.Outgoing) (ticketing.Found, ticketing.Ref, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if (p.blind || ctx.Err() != nil) && p.defect != "blind" {
		return ticketing.ProbeImpossible, "", errors.New("the place cannot be read")
	}
	if p.defect == "cannot look, guesses" {
		return ticketing.ProbeMissing, "", nil
	}
	if p.defect == "probe sends" {
		p.asked++
	}
	for _, a := range p.arrived {
		if a.Ref == o.Ref && p.defect != "finds nothing" {
			return ticketing.ProbeFound, a.Ref, nil
		}
	}
	if p.defect == "finds anything" {
		return ticketing.ProbeFound, o.Ref, nil
	}
	return ticketing.ProbeMissing, "", nil
}

func paperDoor(defect string) Door {
	limit := time.Duration(0)
	if defect != "" {
		limit = time.Second // a broken door hangs; the sooner that is seen the better
	}
	return Door{Limit: limit, Make: func(*testing.T) *Place {
		p := newPaper(defect)
		spoil := func(how string) func() {
			return func() {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.spoil = how
			}
		}
		n := 0
		return &Place{Door: p,
			Hear: &Hearing{
				Samples: [][]byte{[]byte(`{"ID":"1","Body":"uno\u0000"}`), []byte(`{"ID":"2","Body":"due"}`)},
				Listening: func(ctx context.Context) error {
					select {
					case <-p.hearing:
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				},
				Say:  func(words string) error { p.say <- words; return nil },
				Mute: func() { close(p.mute); p.say <- "a last word, so that Receive sees it" },
			},
			Speak: &Speaking{
				Row: func() ticketing.Outgoing {
					n++
					return ticketing.Outgoing{ID: fmt.Sprint("row", n), Kind: ticketing.LetterAnswer, Facts: ticketing.Facts{Body: "ciao"}}
				},
				Arrived: func() []Arrival { p.mu.Lock(); defer p.mu.Unlock(); return bytesOf(p.arrived) },
				Asked:   func() int { p.mu.Lock(); defer p.mu.Unlock(); return p.asked },
				Refuse:  spoil("refuse"), Defer: spoil("defer"), LoseMessage: spoil("message"), LoseAnswer: spoil("answer"), Suspend: spoil("suspend"),
				NoProbe: defect == "cannot look, guesses",
				Blind:   func() { p.mu.Lock(); defer p.mu.Unlock(); p.blind = true },
			}}
	}}
}

func bytesOf(a []Arrival) []Arrival { return append([]Arrival(nil), a...) }

// defectEnv makes this test binary run the contract on a broken door.
const defectEnv = "DOORTEST_DEFECT"

// TestPaper is the contract on a door without defects, or with the one in the environment.
func TestPaper(t *testing.T) { Run(t, paperDoor(os.Getenv(defectEnv))) }

// TestDefectsAreSeen proves that each promise is tested: a door that breaks it fails the test of that name.
func TestDefectsAreSeen(t *testing.T) {
	if os.Getenv(defectEnv) != "" {
		t.Skip("this is the run on a broken door")
	}
	if testing.Short() {
		t.Skip("starts a process for each defect")
	}
	for defect, test := range map[string]string{
		"parse fails": "ParseDamaged", "parse panics": "ParseDamaged", "parse forgets": "ParseDamaged", "silent refusal": "ParseDamaged",
		"parse differs": "Parse", "one key": "Parse", "keeps NUL": "Parse", "path": "Parse", "parse writes": "Parse",
		"cuts": "Receive", "one identity": "Receive", "two identities": "Receive", "wrong name": "Receive", "drops": "ReceiveAgain",
		"deaf": "ReceiveEnds", "deaf in silence": "ReceiveEndsInSilence",
		"says anything": "RenderNonsense", "render differs": "Render",
		"other ref": "Send", "began twice": "Send", "began late": "Send", "renders again": "SendStoredBytes", "began ignored": "SendNotBegun", "cause hidden": "SendNotBegun",
		"ignores the end": "SendCancelled", "refused as temporary": "SendRefused", "deferred as refused": "SendDeferred", "suspended as refused": "SendSuspended",
		"sends again": "SendLostMessage", "lost as refused": "SendLostMessage", "lost as temporary": "SendLostAnswer", "no verdict": "SendLostAnswer",
		"finds nothing": "ProbeFound", "finds anything": "ProbeMissing", "probe sends": "ProbeMissing", "blind": "ProbeImpossible", "cannot look, guesses": "ProbeMissing",
	} {
		t.Run(defect, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPaper$/^"+test+"$", "-test.v")
			cmd.Env = append(os.Environ(), defectEnv+"="+defect)
			out, err := cmd.CombinedOutput()
			if err == nil || !bytes.Contains(out, []byte("--- FAIL: TestPaper/"+test+" ")) {
				t.Errorf("the test %s does not see it: %v\n%s", test, err, out)
			}
		})
	}
}
