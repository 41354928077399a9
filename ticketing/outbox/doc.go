// Package outbox sends what the desk owes: letters and posts that were written as rows in the transaction of their cause.
//
//	row, same commit as its cause ─> Relay ─> Queue ─> Courier ─> Door
//	                                                      └─ in doubt ─> Prober
//
// The database is the truth and the schedule. A Queue carries ids only and may lose, repeat or reorder them: the Relay offers every due
// row again until it is leased, and the lease lets one courier have it. Redis may therefore be wiped at any moment.
//
// A courier's way with a frozen row, with the kill points of the reliability specification, section 3.2:
//
//	K11  lease (several rows in one commit), words made once, bytes stored
//	K12  the door connects, as far as it gets without the receiver having anything
//	K13  hash of the bytes and data_started in one commit, then the message itself
//	K14  end of the message
//	K15  the receiver's answer
//	K16  the answer is committed
//
// The hash of the bytes is committed together with data_started and not at K11: nobody can have seen the bytes before, and the receiver
// can have them only after. A row found with its lease over is in doubt only if data_started; doubt is settled by evidence, by an
// agent, or, where the operator chose it, by sending the same bytes again; never by itself.
//
// Fluid rows are desired state (a card's look, a reaction): made fresh each time, sent again freely, never in doubt.
package outbox
