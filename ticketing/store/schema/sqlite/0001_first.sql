-- The first schema. It is frozen: a change is a new file. Times are milliseconds since 1970 in UTC, 0 is "never"; JSON is opaque text.

create table counters (
    name  text primary key,
    value bigint not null
);
insert into counters (name, value) values ('tickets', 0), ('articles', 0);

create table leases (
    name    text primary key,
    owner   text not null,
    fence   bigint not null,
    ends_at bigint not null
);

create table cursors (
    place    text primary key,
    validity bigint not null,
    position bigint not null,
    start_at bigint not null,
    mark     text not null
);

create table inbound (
    id            text primary key,
    door          text not null,
    identity      text not null unique,
    raw_sha       text not null,
    raw_size      bigint not null,
    note          text not null,
    state         text not null check (state in ('accepted', 'working', 'done')),
    reason        text not null,
    detail        text not null,
    attempts      bigint not null check (attempts >= 0),
    failures      bigint not null check (failures >= 0),
    owner         text not null,
    lease_end     bigint not null,
    next_at       bigint not null,
    due_at        bigint generated always as (case state when 'accepted' then next_at when 'working' then lease_end end) stored,
    outcome       text not null check (outcome in ('', 'ticket', 'reply', 'follow-up', 'held', 'note', 'automatic', 'bounce', 'duplicate',
                                                   'quarantine', 'deleted')),
    cause         text not null,
    mailbox_group text not null,
    logical_key   text not null,
    thread        text not null,
    ticket        bigint not null,
    message       text not null,
    outgoing      text not null,
    rule          text not null,
    sender        text not null,
    server_at     bigint not null,
    accepted_at   bigint not null,
    decided_at    bigint not null,
    after_care    boolean not null,
    check ((state = 'done') = (outcome <> '')),
    check (outcome <> 'quarantine' or cause <> '')
);
create index inbound_due on inbound (due_at, id) where due_at is not null;
create index inbound_waiting on inbound (accepted_at, state) where state <> 'done';
create index inbound_earlier on inbound (door, id) where state <> 'done';
create index inbound_state on inbound (state, id);
create index inbound_outcome on inbound (outcome, id) where outcome <> '';
create index inbound_after_care on inbound (door, id) where after_care;
create index inbound_raw on inbound (raw_sha);
-- Two processes that decide the same mail of two mailboxes at the same time: the second fails here and then finds the first.
create unique index inbound_logical on inbound (mailbox_group, logical_key)
    where logical_key <> '' and state = 'done' and outcome not in ('duplicate', 'deleted');

create table contacts (
    id         text primary key,
    key        text not null unique,
    address    text not null,
    name       text not null,
    language   text not null,
    proven     boolean not null,
    bounced    boolean not null,
    suppressed boolean not null,
    created_at bigint not null
);

create table agents (
    id   text primary key,
    name text not null
);

create table threads (
    id        text primary key,
    number    bigint not null,
    key       text not null,
    door      text not null,
    queue     text not null,
    contact   text references contacts (id),
    subject   text not null,
    language  text not null,
    state     text not null check (state in ('held', 'ticket', 'solved')),
    last_ref  text not null,
    last_refs text not null,
    opened_at bigint not null
);
create unique index threads_number on threads (number) where number > 0;
create unique index threads_key on threads (key) where key <> '';
create index threads_contact on threads (contact, opened_at);
create index threads_opened on threads (opened_at);

create table participants (
    thread   text not null references threads (id),
    contact  text not null references contacts (id),
    role     text not null,
    released boolean not null,
    active   boolean not null,
    added_at bigint not null,
    primary key (thread, contact)
);

create table messages (
    seq       integer primary key autoincrement,
    id        text not null unique,
    thread    text not null references threads (id),
    ticket    bigint not null,
    ref       text not null,
    public    boolean not null,
    author    text not null check (author in ('customer', 'agent', 'system')),
    contact   text references contacts (id),
    agent     text not null,
    name      text not null,
    subject   text not null,
    body      text not null,
    visible   text not null,
    elided    text not null,
    html_sha  text not null,
    language  text not null,
    auth      text not null,
    rule      text not null,
    losers    text not null,
    standing  text not null,
    inbound   text not null,
    flags     text not null,
    rules     text not null,
    said_at   bigint not null,
    stored_at bigint not null,
    unique (id, public)
);
create index messages_thread on messages (thread, seq);
create index messages_ref on messages (ref) where ref <> '';
create index messages_html on messages (html_sha) where html_sha <> '';

create table message_files (
    message  text not null references messages (id),
    position bigint not null,
    name     text not null,
    type     text not null,
    size     bigint not null,
    sha      text not null,
    inline   boolean not null,
    primary key (message, position)
);
create index message_files_sha on message_files (sha);

create table refs (
    ref     text not null,
    door    text not null,
    contact text not null,
    thread  text not null references threads (id),
    message text not null,
    primary key (ref, door, contact)
);

create table suggestions (
    id         text primary key,
    thread     text not null references threads (id),
    contact    text references contacts (id),
    articles   text not null,
    score      double precision not null,
    offered_at bigint not null,
    until_at   bigint not null,
    state      text not null check (state in ('open', 'solved', 'declined', 'expired', 'taken')),
    ended_at   bigint not null,
    yes_hash   text not null,
    no_hash    text not null
);
create index suggestions_thread on suggestions (thread) where state = 'open';
create index suggestions_contact on suggestions (contact) where state = 'open';
create index suggestions_due on suggestions (until_at, id) where state = 'open' and until_at > 0;
create index suggestions_yes on suggestions (yes_hash) where yes_hash <> '';
create index suggestions_no on suggestions (no_hash) where no_hash <> '';

create table tickets (
    number       bigint primary key,
    queue        text not null,
    thread       text not null references threads (id),
    contact      text references contacts (id),
    type         text not null,
    product      text not null,
    subject      text not null,
    state        text not null check (state in ('new', 'open', 'pending', 'resolved', 'closed')),
    reason       text not null,
    duplicate_of bigint not null,
    assignee     text not null,
    priority     text not null,
    language     text not null,
    door         text not null,
    follows      bigint not null,
    merged_into  bigint not null,
    certified    boolean not null,
    revision     bigint not null,
    reminders    bigint not null,
    opened_at    bigint not null,
    answered_at  bigint not null,
    resolved_at  bigint not null,
    closed_at    bigint not null,
    timer_at     bigint not null
);
create index tickets_thread on tickets (thread);
create index tickets_queue on tickets (queue, number);
create index tickets_state on tickets (state, number);
create index tickets_contact on tickets (contact, opened_at);
create index tickets_timer on tickets (timer_at, number) where timer_at > 0;

create table events (
    seq    integer primary key autoincrement,
    id     text not null unique,
    thread text references threads (id),
    ticket bigint not null,
    at     bigint not null,
    actor  text not null,
    code   text not null,
    args   text not null
);
create index events_thread on events (thread, seq);
create index events_code on events (thread, code, at);

create table articles (
    id        text primary key,
    slug      text not null,
    language  text not null,
    hash      text not null,
    document  text not null,
    stored_at bigint not null,
    unique (slug, language)
);

create table outgoing (
    id           text primary key,
    cause        text not null,
    kind         text not null,
    recipient    text not null,
    door         text not null,
    queue        text not null,
    thread       text references threads (id),
    ticket       bigint not null,
    automatic    boolean not null,
    by_agent     boolean not null,
    fluid        boolean not null,
    revision     bigint not null,
    facts        text not null,
    state        text not null check (state in ('pending', 'sending', 'in_doubt', 'sent', 'failed', 'suppressed')),
    rendered     text not null,
    attempts     bigint not null check (attempts >= 0),
    next_at      bigint not null,
    offered_at   bigint not null,
    owner        text not null,
    lease_end    bigint not null,
    fence        bigint not null,
    data_started boolean not null,
    started_at   bigint not null,
    probes       bigint not null,
    answer       text not null,
    reason       text not null,
    ref          text not null,
    bounced      boolean not null,
    created_at   bigint not null,
    sent_at      bigint not null,
    -- When the relay, the end of a lease and the next probe are due; without a value where that does not concern the row.
    due_at       bigint generated always as (case when state = 'pending' then next_at end) stored,
    leased_to    bigint generated always as (case when state = 'sending' then lease_end end) stored,
    probe_at     bigint generated always as (case when state = 'in_doubt' and next_at > 0 then next_at end) stored,
    -- Every kind is a letter to a customer unless it is known to be a post to agents.
    letter       boolean generated always as (kind not in ('root', 'mail', 'line', 'release', 'bounce', 'held', 'card', 'held-card',
                                                           'react', 'hint')) stored,
    -- A letter whose cause is a message needs that message, and needs it public, for as long as the letter is not suppressed.
    says         text generated always as (case when substr(cause, 1, 8) = 'message:' and state <> 'suppressed'
        and kind not in ('root', 'mail', 'line', 'release', 'bounce', 'held', 'card', 'held-card', 'react', 'hint')
        then substr(cause, 9, 26) end) stored,
    says_public  boolean generated always as (true) stored,
    unique (cause, kind, recipient),
    check (kind <> 'answer' or substr(cause, 1, 8) = 'message:'),
    check (state = 'sending' or state = 'in_doubt' or owner = ''),
    foreign key (says, says_public) references messages (id, public)
);
create index outgoing_due on outgoing (offered_at, due_at, id) where due_at is not null;
create index outgoing_leased on outgoing (leased_to, id) where leased_to is not null;
create index outgoing_probe on outgoing (probe_at, id) where probe_at is not null;
create index outgoing_order on outgoing (thread, recipient, id) where state in ('pending', 'sending', 'in_doubt') and not fluid;
create index outgoing_state on outgoing (state, id);
create index outgoing_thread on outgoing (thread, id);
create index outgoing_ticket on outgoing (ticket, id) where ticket > 0;
create index outgoing_says on outgoing (says) where says is not null;
create index outgoing_ref on outgoing (ref) where ref <> '';
create index outgoing_rendered on outgoing (rendered) where rendered <> '';
create index outgoing_automatic_to on outgoing (recipient, created_at) where automatic and not by_agent;
create index outgoing_automatic on outgoing (created_at) where automatic and not by_agent;

create table outgoing_files (
    outgoing text not null references outgoing (id),
    sha      text not null,
    primary key (outgoing, sha)
);
create index outgoing_files_sha on outgoing_files (sha);
