-- A chat with a customer is a place: what is said there continues its newest thread, and answers leave into it.
alter table threads add column place text not null default '';
create index threads_place on threads (place, id) where place <> '';
