alter table connection add column kind text not null default 'OBSERVED' check (kind in ('OBSERVED', 'MANAGED_USER', 'OAUTH', 'API_KEY'))
;;
alter table connection add column access_token text
;;
alter table connection add column refresh_token text
;;
alter table connection add column access_expires_at {instant}
;;
alter table connection add column refresh_expires_at {instant}
;;
alter table connection add column token_version {bigint} not null default 0
;;
alter table connection add column lease {uuid}
;;
alter table connection add column leased_until {instant}
;;
alter table connection add column health_reason text
;;
alter table connection add column broken_since {instant}
;;
alter table connection add column failures {int} not null default 0
;;
alter table connection add column retry_at {instant}
;;
alter table connection add column last_ok_at {instant}
;;
alter table connection add column sync_cursor {instant}
;;
alter table connection add column checked_at {instant}
;;
alter table connection add column disconnected_at {instant}
;;
create unique index connection_live on connection (coach_id, provider) where disconnected_at is null and kind <> 'OBSERVED'
;;
create index connection_checked on connection (checked_at) where disconnected_at is null and kind <> 'OBSERVED'
;;
alter table note add column body_key text
;;
create table oauth_attempt (
    state_hash text not null primary key,
    user_id {uuid} not null references "user" (id),
    coach_id {uuid} not null references coach (id),
    provider text not null,
    verifier text not null,
    redirect_to text not null,
    expires_at {instant} not null,
    used_at {instant},
    created_at {instant} not null
){strict}
;;
create index oauth_attempt_expiry on oauth_attempt (expires_at)
;;
create table webhook_registration (
    id {uuid} not null primary key,
    connection_id {uuid} references connection (id),
    provider text not null,
    scope text not null check (scope in ('PLATFORM', 'USER', 'EVENT_TYPE')),
    external_id text,
    url text not null,
    secret text not null,
    previous_secret text,
    previous_valid_until {instant},
    triggers {json} not null,
    checked_at {instant},
    created_at {instant} not null,
    updated_at {instant} not null
){strict}
;;
create unique index webhook_registration_external on webhook_registration (provider, scope, external_id) where external_id is not null
;;
create index webhook_registration_connection on webhook_registration (connection_id)
