-- An agent puts a ticket off: until timer_at it sleeps, then it wakes, where another pending ticket reminds its customer.
alter table tickets add column snoozed boolean not null default false;

-- The words by which agents find tickets: folded, of subjects, customers and messages. Threads from before are taken in by and by.
create table ticket_words (
    word   text collate "C" not null,
    thread text not null references threads (id),
    primary key (word, thread)
);
alter table threads add column worded boolean not null default false;
create index threads_unworded on threads (id) where not worded;

-- Who looked at the app's home tab last, at what of it, and when: those are shown what changes.
create table homes (
    agent     text collate "C" primary key,
    door      text not null,
    queues    text not null,
    tab       text not null,
    page      bigint not null,
    words     text not null,
    language  text not null,
    opened_at bigint not null
);
create index homes_opened on homes (opened_at);
