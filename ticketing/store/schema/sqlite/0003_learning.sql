-- What was found for a question is kept whether or not it was offered, with what people said about it: for the offers' honest figures, the
-- refit of the confidence and the gaps of the knowledge base.
create table searches (
    id         text primary key,
    thread     text not null references threads (id),
    contact    text references contacts (id),
    queue      text not null,
    articles   text not null,
    score      double precision not null,
    confident  boolean not null,
    evidence   text not null,
    why        text not null,
    offered_at bigint not null,
    until_at   bigint not null,
    state      text not null check (state in ('open', 'solved', 'declined', 'expired', 'taken', 'withheld')),
    ended_at   bigint not null,
    yes_hash   text not null,
    no_hash    text not null,
    verdict    text not null check (verdict in ('', 'right', 'wrong')),
    answer     text not null,
    judged_at  bigint not null
);
insert into searches
    select s.id, s.thread, s.contact, t.queue, s.articles, s.score, true, '', '', s.offered_at, s.until_at, s.state, s.ended_at, s.yes_hash, s.no_hash, '', '', 0
    from suggestions s join threads t on t.id = s.thread;
drop table suggestions;
alter table searches rename to suggestions;
create index suggestions_thread on suggestions (thread) where state = 'open';
create index suggestions_contact on suggestions (contact) where state = 'open';
create index suggestions_due on suggestions (until_at, id) where state = 'open' and until_at > 0;
create index suggestions_yes on suggestions (yes_hash) where yes_hash <> '';
create index suggestions_no on suggestions (no_hash) where no_hash <> '';
create index suggestions_of on suggestions (thread, id);
create index suggestions_judged on suggestions (id) where verdict <> '' and evidence <> '';
create index suggestions_gaps on suggestions (offered_at) where answer = 'none' or (state = 'withheld' and not confident and answer = '');

-- A customer's question and the article that answered it, or did not.
create table lessons (
    id       text primary key,
    slug     text not null,
    language text not null,
    body     text not null,
    weight   double precision not null check (weight between -1 and 1),
    source   text not null check (source in ('agent', 'customer', 'unhelpful')),
    thread   text not null,
    actor    text not null,
    at       bigint not null,
    -- One thread speaks once about an article.
    once     text generated always as (case when thread = '' then id else thread end) stored,
    unique (slug, language, once)
);
create index lessons_thread on lessons (thread) where thread <> '';

-- Models of the confidence fitted here, the newest in force.
create table models (
    id           text primary key,
    fitted_at    bigint not null,
    coefficients text not null,
    curve        text not null,
    judged       bigint not null,
    ece          double precision not null,
    note         text not null
);
