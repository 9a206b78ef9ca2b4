//! Books a slot in one hand-written transaction of four statements, with the rows and the rules of
//! Courtside's `createBooking` for an offer that is free of charge, needs no approval and asks no
//! questions.
//!
//! It takes no lock for the order of the event stream: `seq` may become visible out of order.

use chrono::{DateTime, TimeDelta, Utc};
use entity::Uuid;
use sea_orm::sqlx::{self, PgConnection, PgPool, Row};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::json as write_json;

const CLAIM_KEY: &str = "\
    insert into idempotency_key (user_id, operation, key, request_hash, subject_id, created_at, expires_at) \
    values ($1, 'createBooking', $2, $3, $4, $5, $5 + interval '24 hours') \
    on conflict (user_id, operation, key) do nothing";

/// Reads client, event type, coach and the coach's account, and locks the coach.
const READ_OFFER: &str = "\
    select c.id, e.length_minutes, e.buffer_before_minutes, e.buffer_after_minutes, \
        coalesce(e.schedule_id, c.default_schedule_id), \
        u.suspended_at is null and a.suspended_at is null and c.accepts_bookings \
            and c.scheduler = 'NATIVE' and c.user_id is distinct from u.id \
            and e.lengths @> to_jsonb(e.length_minutes) and e.price_minor = 0 \
            and not e.requires_approval and e.seats = 1 and e.questions = '[]' \
            and e.window_kind = 'UNLIMITED' \
            and $3::timestamptz >= $4::timestamptz + make_interval(mins => e.minimum_notice_minutes) \
    from event_type e join coach c on c.id = e.coach_id left join \"user\" a on a.id = c.user_id \
    join \"user\" u on u.id = $2 \
    where e.id = $1 and e.visibility <> 'ARCHIVED' for no key update of c";

/// Whether the coach's hours offer the start, and whether a booking or a hold takes the time.
const READ_AVAILABILITY: &str = "\
    with wanted as ( \
        select s.id, s.weekly, $2::timestamptz at time zone s.time_zone as starts_at, \
            $3::timestamptz at time zone c.time_zone as first_day, \
            $4::timestamptz at time zone c.time_zone as last_day, \
            coalesce(e.slot_interval_minutes, e.length_minutes) as step, e.length_minutes as length \
        from schedule s, coach c, event_type e where s.id = $1 and c.id = $5 and e.id = $6), \
    minute as ( \
        select extract(hour from starts_at)::int * 60 + extract(minute from starts_at)::int as start, \
            extract(isodow from starts_at)::int as weekday from wanted), \
    hours as ( \
        select (rule ->> 'from')::int as opens, (rule ->> 'until')::int as closes \
        from wanted, minute, jsonb_array_elements(weekly) rule \
        where (rule ->> 'weekday')::int = weekday and not exists \
            (select from schedule_override o where o.schedule_id = wanted.id and o.date = starts_at::date) \
        union all select (rule ->> 0)::int, (rule ->> 1)::int \
        from wanted join schedule_override o on o.schedule_id = wanted.id and o.date = starts_at::date, \
            jsonb_array_elements(o.hours) rule) \
    select exists (select from hours, minute, wanted where opens <= start and start + length <= closes \
            and (start - opens) % step = 0) \
        and not exists (select from absence a, wanted where a.coach_id = $5 and a.removed_at is null \
            and a.last_day >= wanted.first_day::date and a.first_day <= wanted.last_day::date), \
        exists (select from booking where coach_id = $5 and busy_until > $3 and busy_from < $4 \
            and conflict is null \
            and status in ('INITIATED', 'SCHEDULED', 'PAYMENT_PENDING', 'PAYMENT_FAILED', 'CONFIRMED')) \
        or exists (select from slot_hold h where h.coach_id = $5 and h.busy_until > $3 \
            and h.busy_from < $4 and h.expires_at > $7 \
            and (h.user_id <> $8 or exists (select from scheduler_request r where r.status = 'OPEN' and r.hold_id = h.id)))";

/// Stores the booking, its session and its three events.
const STORE: &str = "\
    with booked as ( \
        insert into booking (id, reference, coach_id, client_id, event_type_id, kind, status, version, \
            starts_at, ends_at, busy_from, busy_until, seat_group, client_time_zone, client_name, \
            client_email, price_minor, currency, policy, location_kind, location_value, join_url, answers, \
            guests, approval, scheduler, moves, created_at, updated_at) \
        select $1, $2, e.coach_id, u.id, e.id, e.kind, 'CONFIRMED', 3, $5, $6, $7, $8, $1, $9, \
            u.display_name, u.email, e.price_minor, e.currency, e.policy, e.location_kind, e.location_value, \
            case when e.location_kind = 'LINK' then e.location_value end, '[]', '[]', 'NOT_NEEDED', \
            'NATIVE', 0, $10, $10 \
        from event_type e, \"user\" u where e.id = $4 and u.id = $3 \
        returning id, coach_id, client_id), \
    met as ( \
        insert into session (id, booking_id, status, coach_attendance, client_attendance, version, \
            created_at, updated_at) \
        select $11, id, 'UPCOMING', 'UNKNOWN', 'UNKNOWN', 1, $10, $10 from booked) \
    insert into booking_event (booking_id, coach_id, client_id, kind, actor_kind, actor_id, source, \
        correlation_id, version, status_before, status_after, before, after, occurred_at) \
    select id, coach_id, client_id, e.kind, 'CLIENT', client_id, 'API', $12, e.version, e.status_before, \
        e.kind, e.before::jsonb, e.after::jsonb, $10 \
    from booked, (values \
        ('INITIATED', 1, null, null, $13), \
        ('SCHEDULED', 2, 'INITIATED', '{\"status\":\"INITIATED\"}', '{\"status\":\"SCHEDULED\"}'), \
        ('CONFIRMED', 3, 'SCHEDULED', '{\"status\":\"SCHEDULED\"}', '{\"status\":\"CONFIRMED\"}') \
    ) as e (kind, version, status_before, before, after) order by e.version";

/// Why nothing was booked.
pub(super) enum Refused {
    /// The request is not one that this handler understands, or breaks a rule.
    Request(&'static str),
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Refused {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// The fields of the input that the measurement sends.
struct Input {
    key: String,
    event_type_id: Uuid,
    starts_at: DateTime<Utc>,
    time_zone: String,
    hash: String,
}

impl Input {
    fn parse(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let input = &body["variables"]["input"];
        let text = |name: &str| input[name].as_str();
        let key = text("idempotencyKey")?;
        if !(16..=128).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let event_type_id = text("eventTypeId")?.strip_prefix("eventType_")?;
        Some(Self {
            key: key.to_owned(),
            event_type_id: event_type_id.parse().ok()?,
            starts_at: text("startsAt")?.parse().ok()?,
            time_zone: text("timeZone")?.to_owned(),
            hash: hex::encode(Sha256::digest(input.to_string())),
        })
    }
}

/// What was read about the offer that decides over the booking.
struct Offer {
    coach_id: Uuid,
    schedule_id: Option<Uuid>,
    ends_at: DateTime<Utc>,
    busy_from: DateTime<Utc>,
    busy_until: DateTime<Utc>,
}

/// Books for a client; returns the whole answer.
///
/// # Errors
/// `Request` for a slot that cannot be booked.
pub(super) async fn write(pool: &PgPool, client: Uuid, body: &[u8]) -> Result<Vec<u8>, Refused> {
    let input = Input::parse(body).ok_or(Refused::Request("not a booking"))?;
    let (id, now) = (entity::new_id(), crate::tokens::now());
    let mut transaction = pool.begin().await?;
    let claimed = sqlx::query(CLAIM_KEY)
        .bind(client)
        .bind(&input.key)
        .bind(&input.hash)
        .bind(id)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
    if claimed.rows_affected() == 0 {
        return Err(Refused::Request("the idempotency key was used before"));
    }
    let offer = read_offer(&mut transaction, client, &input, now).await?;
    require_free(&mut transaction, client, &input, &offer, now).await?;
    store(&mut transaction, id, client, &input, &offer, now).await?;
    transaction.commit().await?;

    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"{\"data\":{\"createBooking\":{\"booking\":{\"id\":");
    write_json::id(&mut out, "booking", id);
    out.extend_from_slice(b",\"status\":\"CONFIRMED\"},\"userErrors\":[]}}}");
    Ok(out)
}

async fn read_offer(
    transaction: &mut PgConnection,
    client: Uuid,
    input: &Input,
    now: DateTime<Utc>,
) -> Result<Offer, Refused> {
    let row = sqlx::query(READ_OFFER)
        .bind(input.event_type_id)
        .bind(client)
        .bind(input.starts_at)
        .bind(now)
        .fetch_optional(transaction)
        .await?
        .ok_or(Refused::Request("no such offer or client"))?;
    if !row.try_get::<bool, _>(5)? {
        return Err(Refused::Request("the offer cannot be booked"));
    }
    let minutes = |column: usize| -> sqlx::Result<TimeDelta> {
        Ok(TimeDelta::minutes(i64::from(
            row.try_get::<i32, _>(column)?,
        )))
    };
    let ends_at = input.starts_at + minutes(1)?;
    Ok(Offer {
        coach_id: row.try_get(0)?,
        schedule_id: row.try_get(4)?,
        ends_at,
        busy_from: input.starts_at - minutes(2)?,
        busy_until: ends_at + minutes(3)?,
    })
}

async fn require_free(
    transaction: &mut PgConnection,
    client: Uuid,
    input: &Input,
    offer: &Offer,
    now: DateTime<Utc>,
) -> Result<(), Refused> {
    let row = sqlx::query(READ_AVAILABILITY)
        .bind(offer.schedule_id)
        .bind(input.starts_at)
        .bind(offer.busy_from)
        .bind(offer.busy_until)
        .bind(offer.coach_id)
        .bind(input.event_type_id)
        .bind(now)
        .bind(client)
        .fetch_one(transaction)
        .await?;
    match (row.try_get(0)?, row.try_get(1)?) {
        (true, false) => Ok(()),
        (false, _) => Err(Refused::Request("the slot is not offered")),
        (true, true) => Err(Refused::Request("the slot is taken")),
    }
}

async fn store(
    transaction: &mut PgConnection,
    id: Uuid,
    client: Uuid,
    input: &Input,
    offer: &Offer,
    now: DateTime<Utc>,
) -> Result<(), Refused> {
    let facts = json!({
        "status": "INITIATED",
        "startsAt": input.starts_at,
        "endsAt": offer.ends_at,
        "clientId": client,
        "coachId": offer.coach_id,
        "eventTypeId": input.event_type_id,
        "approval": "NOT_NEEDED",
        "paymentDeadline": null,
        "conflict": null,
        "mergedInto": null,
        "moves": 0,
    });
    sqlx::query(STORE)
        .bind(id)
        .bind(reference(id))
        .bind(client)
        .bind(input.event_type_id)
        .bind(input.starts_at)
        .bind(offer.ends_at)
        .bind(offer.busy_from)
        .bind(offer.busy_until)
        .bind(&input.time_zone)
        .bind(now)
        .bind(entity::new_id())
        .bind(id.to_string())
        .bind(facts.to_string())
        .execute(transaction)
        .await?;
    Ok(())
}

/// A short code for people: the random end of the id, in letters that cannot be mistaken for each
/// other.
fn reference(id: Uuid) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits = id.as_u128();
    let letters = (0..8).map(|place| char::from(LETTERS[(bits >> (5 * place) & 31) as usize]));
    ["CS-".to_owned(), letters.collect()].concat()
}
