-- SQLite has no exclusion constraints. Writers are serialised by the write lock, so looking before writing cannot race.
create trigger booking_coach_overlap_insert before insert on booking
when new.conflict is null and new.status in ({active})
begin
    select raise(abort, 'booking_coach_overlap')
    where exists (
        select 1 from booking other
        where other.coach_id = new.coach_id
          and other.id <> new.id
          and other.seat_group <> new.seat_group
          and other.conflict is null
          and other.status in ({active})
          and other.busy_from < new.busy_until
          and other.busy_until > new.busy_from
    );
end
;;
create trigger booking_client_overlap_insert before insert on booking
when new.conflict is null and new.status in ({active})
begin
    select raise(abort, 'booking_client_overlap')
    where exists (
        select 1 from booking other
        where other.client_id = new.client_id
          and other.id <> new.id
          and other.conflict is null
          and other.status in ({active})
          and other.starts_at < new.ends_at
          and other.ends_at > new.starts_at
    );
end
;;
create trigger booking_coach_overlap_update before update of status, conflict, coach_id, client_id, seat_group, starts_at, ends_at, busy_from, busy_until on booking
when new.conflict is null and new.status in ({active})
begin
    select raise(abort, 'booking_coach_overlap')
    where exists (
        select 1 from booking other
        where other.coach_id = new.coach_id
          and other.id <> new.id
          and other.seat_group <> new.seat_group
          and other.conflict is null
          and other.status in ({active})
          and other.busy_from < new.busy_until
          and other.busy_until > new.busy_from
    );
end
;;
create trigger booking_client_overlap_update before update of status, conflict, coach_id, client_id, seat_group, starts_at, ends_at, busy_from, busy_until on booking
when new.conflict is null and new.status in ({active})
begin
    select raise(abort, 'booking_client_overlap')
    where exists (
        select 1 from booking other
        where other.client_id = new.client_id
          and other.id <> new.id
          and other.conflict is null
          and other.status in ({active})
          and other.starts_at < new.ends_at
          and other.ends_at > new.starts_at
    );
end
;;
create trigger booking_event_no_update before update on booking_event
begin
    select raise(abort, 'booking_event_immutable');
end
;;
create trigger booking_event_no_delete before delete on booking_event
begin
    select raise(abort, 'booking_event_immutable');
end
