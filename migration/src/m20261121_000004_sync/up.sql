create table mirror (
    id {uuid} not null primary key,
    subject text not null check (subject in ('EVENT_TYPE', 'SCHEDULE')),
    coach_id {uuid} not null references coach (id),
    provider text not null,
    external_id text,
    state text not null check (state in ('PENDING', 'SYNCED', 'FAILED')),
    message text,
    theirs text,
    version {bigint} not null,
    looked_at {instant},
    synced_at {instant},
    updated_at {instant} not null
){strict}
;;
create index mirror_coach on mirror (coach_id, subject)
