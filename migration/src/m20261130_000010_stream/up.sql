-- Lines of history that have no place in the stream yet, in the order in which they were written.
create table booking_event_pending (
    id bigint generated always as identity primary key,
    booking_id uuid not null references booking (id),
    coach_id uuid not null,
    client_id uuid,
    kind text not null,
    actor_kind text not null,
    actor_id uuid,
    source text not null,
    correlation_id text not null,
    version bigint not null,
    status_before text,
    status_after text not null,
    before jsonb,
    after jsonb,
    reason text,
    occurred_at timestamptz not null
)
;;
create index booking_event_pending_booking on booking_event_pending (booking_id)
;;
create trigger booking_event_pending_no_update before update on booking_event_pending
    for each row execute function refuse_history_change()
;;
create trigger booking_event_pending_no_truncate before truncate on booking_event_pending
    for each statement execute function refuse_history_change()
;;
-- A line leaves this table only for its place in the stream.
create function refuse_history_loss() returns trigger language plpgsql as $$
begin
    if exists (
        select 1 from gone where not exists (
            select 1 from booking_event placed
            where placed.booking_id = gone.booking_id and placed.version = gone.version
                and placed.kind = gone.kind
        )
    ) then
        raise exception 'booking_event_immutable' using errcode = 'integrity_constraint_violation';
    end if;
    return null;
end $$
;;
create trigger booking_event_pending_no_delete after delete on booking_event_pending
    referencing old table as gone for each statement execute function refuse_history_loss()
