create table "user" (
    id {uuid} not null primary key,
    issuer text not null,
    subject text not null,
    email text,
    email_verified {bool} not null,
    display_name text not null,
    time_zone text not null,
    role text not null check (role in ('CLIENT', 'COACH', 'ADMIN')),
    suspended_at {instant},
    created_at {instant} not null,
    updated_at {instant} not null,
    unique (issuer, subject)
){strict}
;;
create index user_email on "user" (email)
;;
create index user_created on "user" (created_at, id)
;;
create table coach (
    id {uuid} not null primary key,
    user_id {uuid} unique references "user" (id),
    handle text not null unique,
    display_name text not null,
    headline text,
    biography text,
    avatar_url text,
    time_zone text not null,
    scheduler text not null,
    listed {bool} not null,
    accepts_bookings {bool} not null,
    default_schedule_id {uuid},
    version {bigint} not null,
    created_at {instant} not null,
    updated_at {instant} not null
){strict}
;;
create index coach_listed on coach (listed, display_name, id)
;;
create table coach_specialty (
    coach_id {uuid} not null references coach (id) on delete cascade,
    specialty text not null,
    primary key (coach_id, specialty)
){strict}
;;
create index coach_specialty_key on coach_specialty (specialty, coach_id)
;;
create table connection (
    id {uuid} not null primary key,
    coach_id {uuid} not null references coach (id),
    provider text not null,
    external_id text not null,
    external_email text,
    external_username text,
    health text not null,
    created_at {instant} not null,
    updated_at {instant} not null,
    unique (provider, external_id)
){strict}
;;
create index connection_coach on connection (coach_id)
;;
create table schedule (
    id {uuid} not null primary key,
    coach_id {uuid} not null references coach (id),
    name text not null,
    time_zone text not null,
    weekly {json} not null,
    version {bigint} not null,
    created_at {instant} not null,
    updated_at {instant} not null
){strict}
;;
create index schedule_coach on schedule (coach_id)
;;
create table schedule_override (
    schedule_id {uuid} not null references schedule (id) on delete cascade,
    date {date} not null,
    hours {json} not null,
    primary key (schedule_id, date)
){strict}
