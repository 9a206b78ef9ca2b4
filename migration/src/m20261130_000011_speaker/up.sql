alter table webhook_delivery add column registration_id {uuid}
;;
alter table webhook_delivery add column connection_id {uuid}
;;
alter table webhook_registration add column platform_url_until {instant}
;;
update webhook_registration set platform_url_until = '9998-12-31T00:00:00+00:00'
;;
-- Each registration is moved to its own address as soon as the worker runs.
update job set run_at = created_at where kind = 'ensure_webhook' and status = 'WAITING'
