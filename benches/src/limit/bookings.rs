//! A client's 20 bookings with coach, session and the last three notes, in one statement.

use entity::Uuid;
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::{self, PgPool, Row};

use super::json;

const SQL: &str = "\
    select b.id, b.reference, b.status, b.starts_at, b.ends_at, c.id, c.display_name, s.id, s.status, \
        n.id, n.body, n.visibility, n.created_at \
    from (select id, reference, status, starts_at, ends_at, coach_id from booking \
        where client_id = $1 and merged_into is null order by starts_at, id limit 20) b \
    join coach c on c.id = b.coach_id \
    left join session s on s.booking_id = b.id \
    left join lateral (select id, body, visibility, created_at from note \
        where session_id = s.id and (author_id = $1 or visibility = 'SHARED') \
        order by created_at desc, id desc limit 3) n on true \
    order by b.starts_at, b.id, n.created_at desc, n.id desc";

/// Writes the whole answer.
pub(super) async fn write(pool: &PgPool, client: Uuid, tail: &str) -> sqlx::Result<Vec<u8>> {
    let rows = sqlx::query(SQL).bind(client).fetch_all(pool).await?;
    let mut out = Vec::with_capacity(16 * 1024);
    out.extend_from_slice(b"{\"data\":{\"viewer\":{\"bookings\":{\"nodes\":[");
    let (mut of, mut end) = (None, &b""[..]);
    for row in &rows {
        let booking: Uuid = row.try_get(0)?;
        if of != Some(booking) {
            of = Some(booking);
            out.extend_from_slice(end);
            json::comma(&mut out);
            end = begin_booking(&mut out, booking, row)?;
        }
        if let Some(note) = row.try_get(9)? {
            json::comma(&mut out);
            note_of(&mut out, note, row)?;
        }
    }
    out.extend_from_slice(end);
    out.extend_from_slice(b"]}}}");
    out.extend_from_slice(tail.as_bytes());
    Ok(out)
}

/// Returns the bytes that close the booking after its notes.
fn begin_booking(out: &mut Vec<u8>, booking: Uuid, row: &PgRow) -> sqlx::Result<&'static [u8]> {
    out.extend_from_slice(b"{\"id\":");
    json::id(out, "booking", booking);
    out.extend_from_slice(b",\"reference\":");
    json::text(out, row.try_get(1)?);
    out.extend_from_slice(b",\"status\":");
    json::text(out, row.try_get(2)?);
    out.extend_from_slice(b",\"startsAt\":");
    json::instant(out, row.try_get(3)?);
    out.extend_from_slice(b",\"endsAt\":");
    json::instant(out, row.try_get(4)?);
    out.extend_from_slice(b",\"coach\":{\"id\":");
    json::id(out, "coach", row.try_get(5)?);
    out.extend_from_slice(b",\"displayName\":");
    json::text(out, row.try_get(6)?);
    let Some(session) = row.try_get(7)? else {
        out.extend_from_slice(b"},\"session\":null");
        return Ok(b"}");
    };
    out.extend_from_slice(b"},\"session\":{\"id\":");
    json::id(out, "session", session);
    out.extend_from_slice(b",\"status\":");
    json::text(out, row.try_get(8)?);
    out.extend_from_slice(b",\"notes\":{\"nodes\":[");
    Ok(b"]}}}")
}

fn note_of(out: &mut Vec<u8>, note: Uuid, row: &PgRow) -> sqlx::Result<()> {
    out.extend_from_slice(b"{\"id\":");
    json::id(out, "note", note);
    out.extend_from_slice(b",\"body\":");
    json::text(out, row.try_get(10)?);
    out.extend_from_slice(b",\"visibility\":");
    json::text(out, row.try_get(11)?);
    out.extend_from_slice(b",\"createdAt\":");
    json::instant(out, row.try_get(12)?);
    out.push(b'}');
    Ok(())
}
