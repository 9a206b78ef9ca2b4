create extension if not exists btree_gist
;;
-- An active booking takes its coach's time, buffers included. Bookings of one seated slot share it.
alter table booking add constraint booking_coach_overlap exclude using gist (
    coach_id with =,
    seat_group with <>,
    tstzrange(busy_from, busy_until, '[)') with &&
) where (conflict is null and status in ({active}))
;;
alter table booking add constraint booking_client_overlap exclude using gist (
    client_id with =,
    tstzrange(starts_at, ends_at, '[)') with &&
) where (conflict is null and status in ({active}))
;;
create function refuse_history_change() returns trigger language plpgsql as $$
begin
    raise exception 'booking_event_immutable' using errcode = 'integrity_constraint_violation';
end $$
;;
create trigger booking_event_immutable before update or delete on booking_event
    for each row execute function refuse_history_change()
;;
create trigger booking_event_no_truncate before truncate on booking_event
    for each statement execute function refuse_history_change()
