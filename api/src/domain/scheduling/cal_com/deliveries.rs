//! Cal.com's deliveries: verified by the inbox, parsed when they are processed.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::HeaderMap;
use providers::cal_com::webhook::{self as cal_com, Event, OpenError as CalComError};

use super::PROVIDER;
use super::observe_event::observe_event;
use crate::app::App;
use crate::domain::webhook::{self, Delivered, Endpoint, OpenError, Opened, Receipt, Refusal};

/// Stores a delivery of Cal.com.
///
/// # Errors
/// See [`Refusal`]. Nothing has changed then.
pub async fn receive(
    app: &App,
    endpoint: Endpoint,
    headers: &HeaderMap,
    raw: Bytes,
    correlation_id: &str,
) -> Result<Receipt, Refusal> {
    let open = |secrets: &[_]| match cal_com::open(secrets, headers, &raw) {
        Ok(delivery) => Ok(Opened {
            dedupe_key: delivery.dedupe_key,
            trigger: delivery.trigger_name,
            label: delivery.trigger.as_str(),
            uid: delivery.uid,
            sent_at: delivery.created_at,
        }),
        Err(CalComError::NotConfigured) => Err(OpenError::NotConfigured),
        Err(CalComError::BadSignature) => Err(OpenError::BadSignature),
        Err(error) => Err(OpenError::NotSigned(error.reason())),
    };
    webhook::receive(app, (PROVIDER, endpoint), open, raw.clone(), correlation_id).await
}

/// Parses a stored delivery.
///
/// # Errors
/// Why its body can never be parsed.
pub fn parse(body: &[u8], sent_at: Option<DateTime<Utc>>) -> Result<Delivered, String> {
    match cal_com::parse(body).map_err(|error| error.to_string())? {
        Event::Unknown { .. } => Ok(Delivered::Unknown),
        Event::OtherBooking { booking_uid, .. } => Ok(Delivered::Ignored { uid: booking_uid }),
        event @ (Event::Booking { .. } | Event::NoShow { .. } | Event::Meeting { .. }) => {
            Ok(Delivered::Reported(observe_event(event, sent_at)))
        }
        _ => Ok(Delivered::Ignored { uid: None }),
    }
}
