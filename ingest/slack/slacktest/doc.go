// Package slacktest is a Slack workspace that runs in the process of a test, or in a process of its own.
//
// It speaks the Web API, Socket Mode, signed HTTP, file uploads and downloads as documented at https://docs.slack.dev, keeps users,
// channels and messages, and lets a test act as the people of the workspace. It refuses what Slack refuses: a token of
// the wrong kind, a missing scope, a channel the bot is not in, blocks that break the published limits, an unknown
// method, a call above its rate. What Slack tolerates and a careful client must not do is accepted and written to the
// list of [Server.Misuse].
//
// Rules:
//
//   - Time comes from the [Clock] given to [New] and from nowhere else.
//   - An event goes to one of the open sockets, no matter which, and comes again when it is not acknowledged within
//     three seconds. A press of a button comes once.
//   - Whether an event is written before or after the answer of the call that caused it is a seeded choice.
//   - A fault loses a request, an answer or time in a way that is chosen by count or by a seeded probability.
//   - No error code is answered that the page of the method does not list, common codes aside.
//
// Slack's own clients for Node, unchanged, are its judges: the folder judges and TestJudges.
//
// The numbers in the comments (E1, E2, …) are the rules of the specification of the emulator.
package slacktest
