alter table provider_booking drop constraint provider_booking_pkey
;;
alter table provider_booking add primary key (provider, uid, seat)
;;
alter table provider_booking drop column account
