-- A uid of which no organizer was told belongs to the account of its booking's coach.
update provider_booking set account = coalesce((
    select connection.external_id from connection
    join booking on booking.coach_id = connection.coach_id
    where booking.id = provider_booking.booking_id and connection.provider = provider_booking.provider
    order by (connection.disconnected_at is null) desc, connection.created_at
    limit 1
), '')
where account = '' and booking_id is not null
