create table absence (
    id {uuid} not null primary key,
    coach_id {uuid} not null references coach (id),
    first_day {date} not null,
    last_day {date} not null,
    reason text not null check (reason in ('VACATION', 'TRAVEL', 'SICK', 'PUBLIC_HOLIDAY', 'UNSPECIFIED')),
    note text,
    external_id text,
    told_first_day {date},
    told_last_day {date},
    state text check (state in ('PENDING', 'SYNCED', 'FAILED')),
    message text,
    synced_at {instant},
    removed_at {instant},
    version {bigint} not null,
    created_at {instant} not null,
    updated_at {instant} not null,
    check (last_day >= first_day)
){strict}
;;
create index absence_coach on absence (coach_id, last_day)
