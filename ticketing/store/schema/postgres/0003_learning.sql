-- What was found for a question is kept whether or not it was offered, with what people said about it: for the offers' honest figures, the
-- refit of the confidence and the gaps of the knowledge base.
alter table suggestions
    add column queue     text not null default '',
    add column confident boolean not null default true,
    add column evidence  text not null default '',
    add column why       text not null default '',
    add column verdict   text not null default '' check (verdict in ('', 'right', 'wrong')),
    add column answer    text not null default '',
    add column judged_at bigint not null default 0,
    drop constraint suggestions_state_check,
    add constraint suggestions_state_check check (state in ('open', 'solved', 'declined', 'expired', 'taken', 'withheld'));
update suggestions s set queue = t.queue from threads t where t.id = s.thread;
create index suggestions_of on suggestions (thread, id);
create index suggestions_judged on suggestions (id) where verdict <> '' and evidence <> '';
create index suggestions_gaps on suggestions (offered_at) where answer = 'none' or (state = 'withheld' and not confident and answer = '');

-- A customer's question and the article that answered it, or did not.
create table lessons (
    id       text collate "C" primary key,
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
    id           text collate "C" primary key,
    fitted_at    bigint not null,
    coefficients text not null,
    curve        text not null,
    judged       bigint not null,
    ece          double precision not null,
    note         text not null
);
