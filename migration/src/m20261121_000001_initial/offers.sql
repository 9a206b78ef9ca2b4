create table event_type (
    id {uuid} not null primary key,
    coach_id {uuid} not null references coach (id),
    slug text not null,
    title text not null,
    description text,
    kind text not null check (kind in ('SESSION', 'VERIFICATION')),
    visibility text not null check (visibility in ('PUBLIC', 'UNLISTED', 'ARCHIVED')),
    length_minutes {int} not null check (length_minutes > 0),
    lengths {json} not null,
    price_minor {bigint} not null check (price_minor >= 0),
    currency text not null,
    buffer_before_minutes {int} not null check (buffer_before_minutes >= 0),
    buffer_after_minutes {int} not null check (buffer_after_minutes >= 0),
    minimum_notice_minutes {int} not null check (minimum_notice_minutes >= 0),
    slot_interval_minutes {int} check (slot_interval_minutes > 0),
    window_kind text not null,
    window_days {int},
    window_from {date},
    window_until {date},
    location_kind text not null,
    location_value text,
    questions {json} not null,
    policy {json} not null,
    requires_approval {bool} not null,
    seats {int} not null check (seats > 0),
    schedule_id {uuid} references schedule (id),
    provider text,
    provider_event_type_id text,
    version {bigint} not null,
    created_at {instant} not null,
    updated_at {instant} not null,
    unique (coach_id, slug),
    unique (provider, provider_event_type_id)
){strict}
;;
create index event_type_price on event_type (visibility, price_minor, coach_id)
;;
create index event_type_schedule on event_type (schedule_id)
;;
create table event_type_host (
    event_type_id {uuid} not null references event_type (id) on delete cascade,
    coach_id {uuid} not null references coach (id),
    position {int} not null,
    primary key (event_type_id, coach_id)
){strict}
;;
create index event_type_host_coach on event_type_host (coach_id)
;;
create table slot_hold (
    id {uuid} not null primary key,
    coach_id {uuid} not null references coach (id),
    event_type_id {uuid} not null references event_type (id),
    user_id {uuid} not null references "user" (id),
    starts_at {instant} not null,
    ends_at {instant} not null,
    busy_from {instant} not null,
    busy_until {instant} not null,
    expires_at {instant} not null,
    created_at {instant} not null,
    check (ends_at > starts_at),
    check (busy_from <= starts_at and busy_until >= ends_at)
){strict}
;;
create index slot_hold_coach on slot_hold (coach_id, busy_until, busy_from)
;;
create index slot_hold_user on slot_hold (user_id, expires_at)
;;
create index slot_hold_expiry on slot_hold (expires_at)
