-- SQLite cannot change a primary key.
alter table provider_booking rename to provider_booking_before
;;
create table provider_booking (
    provider text not null,
    uid text not null,
    account text not null default '',
    seat text not null,
    booking_id {uuid} references booking (id),
    previous_uid text,
    number {bigint},
    lineage_key text,
    facts {json} not null,
    created_at {instant} not null,
    updated_at {instant} not null,
    primary key (provider, uid, account, seat)
){strict}
;;
insert into provider_booking (provider, uid, seat, booking_id, previous_uid, number, lineage_key, facts, created_at, updated_at)
select provider, uid, seat, booking_id, previous_uid, number, lineage_key, facts, created_at, updated_at
from provider_booking_before
;;
drop table provider_booking_before
;;
create index provider_booking_booking on provider_booking (booking_id)
;;
create index provider_booking_previous on provider_booking (provider, previous_uid)
;;
create index provider_booking_lineage on provider_booking (provider, lineage_key)
