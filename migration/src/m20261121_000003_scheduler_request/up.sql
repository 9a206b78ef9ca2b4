create table scheduler_request (
    id {uuid} not null primary key,
    booking_id {uuid} not null references booking (id),
    kind text not null check (kind in ('BOOK', 'MOVE', 'UNDO')),
    status text not null check (status in ('OPEN', 'ACCEPTED', 'REFUSED', 'UNDONE')),
    starts_at {instant} not null,
    uid text,
    from_uid text,
    hold_id {uuid},
    reason text,
    refusal text,
    actor_kind text not null,
    actor_id {uuid},
    source text not null,
    correlation_id text not null,
    attempts {int} not null,
    sent_at {instant},
    leased_until {instant},
    lease {uuid},
    created_at {instant} not null,
    closed_at {instant}
){strict}
;;
create unique index scheduler_request_open on scheduler_request (booking_id) where status = 'OPEN' and kind <> 'UNDO'
;;
create unique index scheduler_request_undo on scheduler_request (uid) where kind = 'UNDO'
;;
create index scheduler_request_booking on scheduler_request (booking_id, created_at)
;;
create index scheduler_request_status on scheduler_request (status, created_at)
