package ticketing

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// The deflection report (kb.md section 4) tells how many requests articles answered so that no agent was needed, and how many of those
// would have needed none anyway: the lift against the hold-out, the contacts who never get an offer.

// ComeBack is how long after a request another one of the same person or company in the same queue says that the first was not answered.
const ComeBack = 7 * 24 * time.Hour

// MinHoldout is the least number of contacts in each group from which the lift gets an interval. With fewer the interval would promise more
// than it holds.
const MinHoldout = 20

// Deflection is what became of the requests of a queue and a month.
type Deflection struct {
	Queue string    // empty: all queues
	Month time.Time // its first day; zero: the whole time
	// Eligible requests had a confident article: they were offered one, or would have been but for the hold-out.
	Eligible  int
	Offers    int
	Confirmed int // solved by a clear yes
	Silent    int // the timer ran out; the ticket opened, or the queue closed the request
	Declined  int // no, or any other answer; the ticket opened
	Taken     int // an agent took the request before it ended
	Open      int // still held
	CameBack  int // confirmed or closed in silence, but the same person or company asked again within ComeBack
	Deflected int // confirmed or closed in silence, and not come back
	// Right and Wrong are the offers that customers or agents judged.
	Right, Wrong int
	Lift         Lift
	// Provisional: the time to come back is not over for all of it.
	Provisional bool
}

// Precision is the share of judged offers that were right, 0..1; NaN while none is judged.
func (d Deflection) Precision() float64 { return float64(d.Right) / float64(d.Right+d.Wrong) }

// Rate is the share of the offers that were deflected, 0..1; NaN without offers.
func (d Deflection) Rate() float64 { return float64(d.Deflected) / float64(d.Offers) }

// Lift is the difference between the shares of requests that needed no agent, with offers and in the hold-out.
type Lift struct {
	Offered, Holdout int     // requests
	People, Control  int     // contacts in each group
	With, Without    float64 // share of requests that needed no agent, 0..1
	// Low and High bound the difference With - Without with a confidence of 95 %. Valid only if Enough.
	Low, High float64
	Enough    bool // at least MinHoldout contacts in each group
}

// Difference is the lift itself, -1..1.
func (l Lift) Difference() float64 { return l.With - l.Without }

// DeflectionReport reckons the report from requests, oldest first, and those after them that tell who came back. Requests before from and
// from to on are only looked at for coming back. now decides what is provisional; months are those of zone. The result holds for each queue
// a row a month and then its total, and, of several queues, the total of all at the end.
func DeflectionReport(rows []RequestRow, from, to, now time.Time, zone *time.Location) []Deflection {
	back := cameBack(rows)
	type place struct {
		queue string
		month time.Time
	}
	groups := map[place][]judgedRequest{}
	var queues []string
	for i, r := range rows {
		if r.At.Before(from) || !r.At.Before(to) || !eligible(r) {
			continue
		}
		at := r.At.In(zone)
		month := time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, zone)
		x := judgedRequest{RequestRow: r, back: back[i], young: now.Sub(r.At) < ComeBack}
		if !slices.Contains(queues, r.Queue) {
			queues = append(queues, r.Queue)
		}
		for _, p := range []place{{r.Queue, month}, {r.Queue, time.Time{}}, {"", time.Time{}}} {
			groups[p] = append(groups[p], x)
		}
	}
	var out []Deflection
	for p, g := range groups {
		if p.queue == "" && len(queues) < 2 {
			continue
		}
		out = append(out, deflectionOf(p.queue, p.month, g))
	}
	slices.SortFunc(out, func(a, b Deflection) int {
		return cmp.Or(boolOrder(a.Queue == "", b.Queue == ""), strings.Compare(a.Queue, b.Queue), boolOrder(a.Month.IsZero(), b.Month.IsZero()), a.Month.Compare(b.Month))
	})
	return out
}

func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// eligible: the request had a confident article and nothing but the hold-out stood against offering it.
func eligible(r RequestRow) bool {
	return r.Contact != "" && r.Confident && r.Offer != "" && (r.Offer != SuggestionWithheld || r.Why == WhyControl)
}

type judgedRequest struct {
	RequestRow
	back, young bool
}

// noAgent: the request needed no agent. A ticket that ended without an agent's answer counts in both groups, so that customers who help
// themselves do not flatter the offers.
func (r judgedRequest) noAgent() bool {
	ended := r.State == ThreadSolved || r.Ticket == StateResolved || r.Ticket == StateClosed
	return ended && r.Answered.IsZero() && !r.back
}

// cameBack tells of each request whether a later one of the same person or company in the same queue followed within ComeBack.
func cameBack(rows []RequestRow) []bool {
	last := map[string]time.Time{} // newest request seen so far, walking backwards
	out := make([]bool, len(rows))
	for i := len(rows) - 1; i >= 0; i-- {
		r := rows[i]
		for _, who := range []string{r.Contact, company(r.Key)} {
			if who == "" {
				continue
			}
			key := r.Queue + "\x00" + who
			if next, ok := last[key]; ok && next.Sub(r.At) <= ComeBack {
				out[i] = true
			}
			last[key] = r.At
		}
	}
	return out
}

// company is the mail domain of a contact, empty for providers that anybody has an address of, and for other doors.
func company(key string) string {
	address, ok := strings.CutPrefix(key, "mail:")
	if !ok {
		return ""
	}
	domain := address[strings.LastIndexByte(address, '@')+1:]
	if publicProviders[domain] {
		return ""
	}
	return "@" + domain
}

func deflectionOf(queue string, month time.Time, rows []judgedRequest) Deflection {
	d := Deflection{Queue: queue, Month: month, Eligible: len(rows)}
	var offered, control []judgedRequest
	for _, r := range rows {
		d.Provisional = d.Provisional || r.young
		if r.Offer == SuggestionWithheld {
			control = append(control, r)
			continue
		}
		offered = append(offered, r)
		d.Offers++
		switch r.Offer {
		case SuggestionSolved:
			d.Confirmed++
			// Whoever said yes and wrote on in the same thread came back as well: its ticket is open, or an agent has closed it.
			if r.back || r.State != ThreadSolved {
				d.CameBack++
			} else {
				d.Deflected++
			}
		case SuggestionExpired:
			d.Silent++
			switch {
			case r.State != ThreadSolved:
			case r.back:
				d.CameBack++
			default:
				d.Deflected++
			}
		case SuggestionDeclined:
			d.Declined++
		case SuggestionTaken:
			d.Taken++
		case SuggestionOpen:
			d.Open++
		}
		switch r.Verdict {
		case SearchRight:
			d.Right++
		case SearchWrong:
			d.Wrong++
		}
	}
	d.Lift = liftOf(offered, control)
	return d
}

// liftOf compares the groups. Contacts, not requests, were drawn for the hold-out, and somebody who writes often does so in one group: each
// share is a ratio of sums over contacts, its variance that between contacts (Cochran, Sampling Techniques, 6.3). Before the interval is
// reckoned one request that needed no agent and one that did, of two further contacts, are added to each group (Agresti and Caffo, The
// American Statistician 54, 2000): without them a hold-out in which nobody helps himself would have no variance at all. The bounds are those
// of Student's t with the degrees of freedom of Welch and Satterthwaite.
func liftOf(offered, control []judgedRequest) Lift {
	a, b := clusters(offered), clusters(control)
	l := Lift{Offered: len(offered), Holdout: len(control), People: len(a), Control: len(b), With: a.share(), Without: b.share()}
	if len(a) < MinHoldout || len(b) < MinHoldout {
		return l
	}
	l.Enough = true
	a, b = a.softened(), b.softened()
	va, vb := a.variance(), b.variance()
	na, nb := float64(len(a)), float64(len(b))
	df := (va + vb) * (va + vb) / (va*va/(na-1) + vb*vb/(nb-1))
	half := studentT975(df) * math.Sqrt(va+vb)
	middle := a.share() - b.share()
	l.Low, l.High = max(-1, middle-half), min(1, middle+half)
	return l
}

// cluster is what a contact asked: n requests, y of which needed no agent.
type cluster struct{ y, n float64 }

type clusterList []cluster

func clusters(rows []judgedRequest) clusterList {
	at := map[string]int{}
	var out clusterList
	for _, r := range rows {
		i, ok := at[r.Contact]
		if !ok {
			i = len(out)
			at[r.Contact] = i
			out = append(out, cluster{})
		}
		out[i].n++
		if r.noAgent() {
			out[i].y++
		}
	}
	return out
}

func (c clusterList) sums() (y, n float64) {
	for _, x := range c {
		y += x.y
		n += x.n
	}
	return y, n
}

// share is 0 for an empty list.
func (c clusterList) share() float64 {
	y, n := c.sums()
	return y / max(1, n)
}

func (c clusterList) softened() clusterList {
	return append(slices.Clone(c), cluster{1, 1}, cluster{0, 1})
}

func (c clusterList) variance() float64 {
	y, n := c.sums()
	p, m := y/n, float64(len(c))
	var sum float64
	for _, x := range c {
		e := x.y - p*x.n
		sum += e * e
	}
	return m / (m - 1) * sum / (n * n)
}

// studentT975 is the 97.5 % quantile of Student's t (Abramowitz and Stegun, 26.7.5).
func studentT975(df float64) float64 {
	const z = 1.959963984540054
	z3, z5, z7 := z*z*z, math.Pow(z, 5), math.Pow(z, 7)
	return z + (z3+z)/(4*df) + (5*z5+16*z3+3*z)/(96*df*df) + (3*z7+19*z5+17*z3-15*z)/(384*df*df*df)
}
