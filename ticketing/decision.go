package ticketing

import "time"

// Do is what a decision asks the desk to do.
type Do string

const (
	DoKeep       Do = "keep"       // store, nobody is bothered
	DoQuarantine Do = "quarantine" // wait for an agent, with a cause
	DoDuplicate  Do = "duplicate"
	DoReport     Do = "report" // mark the letter it is about
	DoReply      Do = "reply"
	DoFollowUp   Do = "follow-up"
	DoOffer      Do = "offer" // hold and offer articles
	DoOpen       Do = "open"
	DoSolved     Do = "solved" // "yes, that helped"
	DoEdit       Do = "edit"   // a customer changed the words of a message
	DoPress      Do = "press"  // a customer pressed a button of an offer
	DoEcho       Do = "echo"   // an own post came back
	DoAct        Do = "act"    // an agent's act: Command
)

// Decision is the bot's answer to a Case: what becomes of a message and why. It holds codes, no sentences.
type Decision struct {
	Do      Do
	Outcome Outcome
	Cause   Cause
	Code    string // reason as a code
	Detail  string // technical detail, no message text
	// Rule named the candidate; Losers are the rules that would have applied too.
	Rule   string
	Losers string
	// Answer: an automatic answer may go out. NoAnswer says why not.
	Answer   bool
	NoAnswer string
	Hits     []Hit
	Score    float64
	// Withheld says why what was found is not offered, one of the Why constants.
	Withheld string
	// Unhelpful: the customer says that the offered articles did not help.
	Unhelpful bool
	Command   *Command
}

// Command is what an agent's act means.
type Command struct {
	Name     CommandName
	Text     string // words for the customer or of the note
	Agent    string // who acts
	Target   string // assignee, number, inbound row …
	Reason   Reason
	Message  Ref       // the chat message that carried it
	Ask      bool      // the answer asks: leave the ticket pending
	Plain    bool      // a note that gets no sign of being one
	Articles []Hit     // that go with an answer
	At       time.Time // until when a ticket is put off
	Force    bool      // do what was asked about first
	Hint     string    // code of an ephemeral hint to its author, empty if none
	Args     map[string]string
}

// CommandName is one of the acts the desk knows.
type CommandName string

const (
	CommandAnswer   CommandName = "answer"    // to the customer after the undo time
	CommandNote     CommandName = "note"      // internal
	CommandEdit     CommandName = "edit"      // the words of an answer not yet sent
	CommandCancel   CommandName = "cancel"    // an answer not yet sent
	CommandClaim    CommandName = "claim"     //
	CommandAssign   CommandName = "assign"    //
	CommandPending  CommandName = "pending"   //
	CommandResolve  CommandName = "resolve"   // with Text: when that has been sent
	CommandReopen   CommandName = "reopen"    //
	CommandClose    CommandName = "close"     //
	CommandTake     CommandName = "take"      // open a held request at once
	CommandRelease  CommandName = "release"   // a waiting message joins its candidate
	CommandAside    CommandName = "aside"     // a waiting message becomes a ticket of its own
	CommandDiscard  CommandName = "discard"   // a waiting message is thrown away
	CommandFind     CommandName = "find"      // show articles for words
	CommandArticle  CommandName = "article"   // send an article (Target) to the customer, and learn
	CommandLink     CommandName = "link"      // an article (Target) would have answered, or AnswerNone: learn only
	CommandPriority CommandName = "priority"  // Target: normal, high or urgent
	CommandCc       CommandName = "cc"        // Target: an address that takes part from now on
	CommandResume   CommandName = "resume"    // end a loop's pause (L4): the customer is a person
	CommandSnooze   CommandName = "snooze"    // wait until At, then wake
	CommandMerge    CommandName = "merge"     // into the ticket of number Target
	CommandMacro    CommandName = "macro"     // show the canned answer named Target, with Text behind it
	CommandSendMade CommandName = "send_made" // send the canned answer that was shown (Target: the row of the command)
	CommandSendNote CommandName = "send_note" // send a message that was kept back (Target: its id) after all
	CommandKeepNote CommandName = "keep_note" // leave it a note
	CommandHome     CommandName = "home"      // show the home tab: Target is a tab, page or search
	CommandForm     CommandName = "form"      // show the window Target
	CommandCreate   CommandName = "create"    // open the ticket that a window describes
	CommandSplit    CommandName = "split"     // a message becomes a ticket of its own, with the subject Target
	CommandFollow   CommandName = "follow"    // open a ticket that follows this one
	CommandLook     CommandName = "look"      // show the one who asks what Target names
	CommandIgnore   CommandName = "ignore"    // nothing to do
	CommandHint     CommandName = "hint"      // only tell its author something
)

// aside says whether words behind the command are for colleagues: they stay inside, as a note.
func (n CommandName) aside() bool {
	switch n {
	case CommandClaim, CommandAssign, CommandReopen, CommandClose, CommandSnooze, CommandMerge, CommandPriority, CommandSplit:
		return true
	}
	return false
}
