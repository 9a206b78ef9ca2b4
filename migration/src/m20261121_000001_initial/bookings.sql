create table booking (
    id {uuid} not null primary key,
    reference text not null unique,
    coach_id {uuid} not null references coach (id),
    client_id {uuid} references "user" (id),
    event_type_id {uuid} not null references event_type (id),
    kind text not null check (kind in ('SESSION', 'VERIFICATION')),
    status text not null check (status in ({active}, 'COMPLETED', 'ABANDONED', 'CANCELED', 'REFUNDED', 'REJECTED', 'EXPIRED')),
    version {bigint} not null,
    starts_at {instant} not null,
    ends_at {instant} not null,
    busy_from {instant} not null,
    busy_until {instant} not null,
    seat_group {uuid} not null,
    client_time_zone text not null,
    client_name text not null,
    client_email text,
    price_minor {bigint} not null check (price_minor >= 0),
    currency text not null,
    policy {json} not null,
    location_kind text not null,
    location_value text,
    join_url text,
    answers {json} not null,
    approval text not null,
    payment_deadline {instant},
    scheduler text not null,
    conflict text,
    merged_into {uuid} references booking (id),
    lineage_key text,
    cancellation_reason text,
    canceled_at {instant},
    moves {int} not null,
    created_at {instant} not null,
    updated_at {instant} not null,
    check (ends_at > starts_at),
    check (busy_from <= starts_at and busy_until >= ends_at)
){strict}
;;
create index booking_start on booking (starts_at, id)
;;
create index booking_coach on booking (coach_id, starts_at, id)
;;
create index booking_coach_busy on booking (coach_id, busy_until, busy_from)
;;
create index booking_client on booking (client_id, starts_at, id)
;;
create index booking_client_created on booking (client_id, kind, created_at)
;;
create index booking_event_type on booking (event_type_id, starts_at)
;;
create index booking_status_end on booking (status, ends_at)
;;
create index booking_deadline on booking (status, payment_deadline)
;;
create index booking_updated on booking (updated_at, id)
;;
create index booking_email on booking (client_email, starts_at)
;;
create index booking_lineage on booking (lineage_key)
;;
create index booking_seat_group on booking (seat_group)
;;
create index booking_conflict on booking (starts_at, id) where conflict is not null
;;
create unique index booking_one_verification on booking (client_id)
    where kind = 'VERIFICATION' and conflict is null and status in ({active})
;;
create table booking_event (
    seq {serial},
    booking_id {uuid} not null references booking (id),
    coach_id {uuid} not null,
    client_id {uuid},
    kind text not null,
    actor_kind text not null,
    actor_id {uuid},
    source text not null,
    correlation_id text not null,
    version {bigint} not null,
    status_before text,
    status_after text not null,
    before {json},
    after {json},
    reason text,
    occurred_at {instant} not null
){strict}
;;
create index booking_event_booking on booking_event (booking_id, seq)
;;
create index booking_event_coach on booking_event (coach_id, seq)
;;
create index booking_event_client on booking_event (client_id, seq)
;;
create table session (
    id {uuid} not null primary key,
    booking_id {uuid} not null unique references booking (id),
    status text not null,
    coach_attendance text not null,
    client_attendance text not null,
    started_at {instant},
    ended_at {instant},
    rating {int} check (rating between 1 and 5),
    version {bigint} not null,
    created_at {instant} not null,
    updated_at {instant} not null
){strict}
;;
create table note (
    id {uuid} not null primary key,
    session_id {uuid} not null references session (id),
    author_id {uuid} not null references "user" (id),
    visibility text not null check (visibility in ('PRIVATE', 'SHARED')),
    body text not null,
    version {bigint} not null,
    created_at {instant} not null,
    updated_at {instant} not null
){strict}
;;
create index note_session on note (session_id, created_at, id)
;;
create table payment (
    id {uuid} not null primary key,
    booking_id {uuid} not null references booking (id),
    status text not null,
    amount_minor {bigint} not null check (amount_minor > 0),
    refunded_minor {bigint} not null check (refunded_minor between 0 and amount_minor),
    currency text not null,
    provider text,
    provider_payment_id text,
    paid_at {instant},
    failure text,
    created_at {instant} not null,
    updated_at {instant} not null,
    unique (provider, provider_payment_id)
){strict}
;;
create index payment_booking on payment (booking_id, created_at)
;;
create table refund (
    id {uuid} not null primary key,
    payment_id {uuid} not null references payment (id),
    status text not null,
    amount_minor {bigint} not null check (amount_minor > 0),
    currency text not null,
    reason text,
    provider_refund_id text unique,
    created_at {instant} not null,
    updated_at {instant} not null
){strict}
;;
create index refund_payment on refund (payment_id)
;;
create table provider_booking (
    provider text not null,
    uid text not null,
    seat text not null,
    booking_id {uuid} references booking (id),
    previous_uid text,
    number {bigint},
    lineage_key text,
    facts {json} not null,
    created_at {instant} not null,
    updated_at {instant} not null,
    primary key (provider, uid, seat)
){strict}
;;
create index provider_booking_booking on provider_booking (booking_id)
;;
create index provider_booking_previous on provider_booking (provider, previous_uid)
;;
create index provider_booking_lineage on provider_booking (provider, lineage_key)
