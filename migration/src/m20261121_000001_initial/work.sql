create table webhook_delivery (
    id {uuid} not null primary key,
    provider text not null,
    dedupe_key text not null,
    "trigger" text not null,
    uid text,
    body {bytes} not null,
    status text not null,
    booking_id {uuid},
    failure text,
    correlation_id text not null,
    sent_at {instant},
    received_at {instant} not null,
    processed_at {instant},
    unique (provider, dedupe_key)
){strict}
;;
create index webhook_delivery_status on webhook_delivery (status, received_at, id)
;;
create index webhook_delivery_received on webhook_delivery (received_at, id)
;;
create index webhook_delivery_booking on webhook_delivery (booking_id)
;;
create table job (
    id {uuid} not null primary key,
    kind text not null,
    subject_id {uuid} not null,
    dedupe_key text,
    status text not null,
    run_at {instant} not null,
    attempts {int} not null,
    leased_until {instant},
    lease {uuid},
    last_error text,
    correlation_id text not null,
    created_at {instant} not null
){strict}
;;
create index job_due on job (status, run_at)
;;
create index job_lease on job (status, leased_until)
;;
create unique index job_dedupe on job (dedupe_key) where status = 'WAITING' and dedupe_key is not null
;;
create table idempotency_key (
    user_id {uuid} not null,
    operation text not null,
    key text not null,
    request_hash text not null,
    subject_id {uuid} not null,
    created_at {instant} not null,
    expires_at {instant} not null,
    primary key (user_id, operation, key)
){strict}
;;
create index idempotency_key_expiry on idempotency_key (expires_at)
;;
create table audit_log (
    id {uuid} not null primary key,
    actor_id {uuid},
    action text not null,
    subject text not null,
    detail {json},
    correlation_id text not null,
    occurred_at {instant} not null
){strict}
;;
create index audit_log_occurred on audit_log (occurred_at, id)
;;
create table setting (
    key text not null primary key,
    value text not null
){strict}
;;
create table worker_beat (
    worker_id {uuid} not null primary key,
    beat_at {instant} not null
){strict}
