insert into booking_event (booking_id, coach_id, client_id, kind, actor_kind, actor_id, source,
    correlation_id, version, status_before, status_after, before, after, reason, occurred_at)
select booking_id, coach_id, client_id, kind, actor_kind, actor_id, source,
    correlation_id, version, status_before, status_after, before, after, reason, occurred_at
from booking_event_pending order by id
;;
drop table booking_event_pending
;;
drop function refuse_history_loss()
