alter table webhook_registration drop column platform_url_until
;;
alter table webhook_delivery drop column connection_id
;;
alter table webhook_delivery drop column registration_id
;;
delete from provider_booking where exists (
    select 1 from provider_booking other
    where other.provider = provider_booking.provider and other.uid = provider_booking.uid
        and other.seat = provider_booking.seat and other.account < provider_booking.account
)
