//! 20 coaches with what they offer, in one statement.

use entity::Uuid;
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::{self, PgPool, Row};

use super::json;

const SQL: &str = "\
    select c.id, c.handle, c.display_name, c.headline, c.time_zone, e.id, e.slug, e.title, e.length_minutes, e.price_minor, e.currency \
    from (select id, handle, display_name, headline, time_zone from coach where listed order by display_name, id limit 20) c \
    left join lateral (select id, slug, title, length_minutes, price_minor, currency from event_type \
        where coach_id = c.id and visibility = 'PUBLIC' order by title, id limit 10) e on true \
    order by c.display_name, c.id, e.title, e.id";

/// Writes the whole answer.
pub(super) async fn write(pool: &PgPool, tail: &str) -> sqlx::Result<Vec<u8>> {
    let rows = sqlx::query(SQL).fetch_all(pool).await?;
    let mut out = Vec::with_capacity(16 * 1024);
    out.extend_from_slice(b"{\"data\":{\"coaches\":{\"nodes\":[");
    let mut of = None;
    for row in &rows {
        let coach: Uuid = row.try_get(0)?;
        if of != Some(coach) {
            if of.is_some() {
                out.extend_from_slice(b"]}}");
            }
            of = Some(coach);
            json::comma(&mut out);
            begin_coach(&mut out, coach, row)?;
        }
        if let Some(offer) = row.try_get(5)? {
            json::comma(&mut out);
            offer_of(&mut out, offer, row)?;
        }
    }
    if of.is_some() {
        out.extend_from_slice(b"]}}");
    }
    out.extend_from_slice(b"]}}");
    out.extend_from_slice(tail.as_bytes());
    Ok(out)
}

fn begin_coach(out: &mut Vec<u8>, coach: Uuid, row: &PgRow) -> sqlx::Result<()> {
    out.extend_from_slice(b"{\"id\":");
    json::id(out, "coach", coach);
    out.extend_from_slice(b",\"handle\":");
    json::text(out, row.try_get(1)?);
    out.extend_from_slice(b",\"displayName\":");
    json::text(out, row.try_get(2)?);
    out.extend_from_slice(b",\"headline\":");
    json::text_or_null(out, row.try_get(3)?);
    out.extend_from_slice(b",\"timeZone\":");
    json::text(out, row.try_get(4)?);
    out.extend_from_slice(b",\"eventTypes\":{\"nodes\":[");
    Ok(())
}

fn offer_of(out: &mut Vec<u8>, offer: Uuid, row: &PgRow) -> sqlx::Result<()> {
    out.extend_from_slice(b"{\"id\":");
    json::id(out, "eventType", offer);
    out.extend_from_slice(b",\"slug\":");
    json::text(out, row.try_get(6)?);
    out.extend_from_slice(b",\"title\":");
    json::text(out, row.try_get(7)?);
    out.extend_from_slice(b",\"lengthMinutes\":");
    out.extend_from_slice(row.try_get::<i32, _>(8)?.to_string().as_bytes());
    out.extend_from_slice(b",\"price\":");
    json::price(out, row.try_get(9)?, row.try_get(10)?);
    out.push(b'}');
    Ok(())
}
