alter table provider_booking add column account text not null default ''
;;
alter table provider_booking drop constraint provider_booking_pkey
;;
alter table provider_booking add primary key (provider, uid, account, seat)
