//! The test's side of a running stand-in.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::page;
use super::schedules::office_hours;
use super::server::{Delivery, Request, Shared, locked};
use super::state::{Booking, User, Webhook, next};
use super::{announce, meetings};
use crate::clock::Clock;
use crate::fault::{Faults, route_matches};
use crate::hold::{Hold, Point};
use crate::socket::Server;
use crate::unknown::UnknownCalls;

/// A running Cal.com. Stops when dropped.
pub struct StandIn {
    server: Server,
    shared: Arc<Shared>,
}

impl StandIn {
    pub(super) fn new(server: Server, shared: Arc<Shared>) -> Self {
        Self { server, shared }
    }

    /// The API's base, without `/v2`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// All rows, oldest first, those that were moved or called off included.
    #[must_use]
    pub fn bookings(&self) -> Vec<Booking> {
        self.shared.state().bookings.values().cloned().collect()
    }

    #[must_use]
    pub fn booking(&self, uid: &str) -> Option<Booking> {
        self.shared.state().booking(uid).cloned()
    }

    #[must_use]
    pub fn users(&self) -> Vec<User> {
        self.shared.state().users.values().cloned().collect()
    }

    #[must_use]
    pub fn webhooks(&self) -> Vec<Webhook> {
        self.shared.state().webhooks.clone()
    }

    /// The calls of the API so far, refused and spoilt ones included.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.log().clone()
    }

    /// How often a route was called, `{..}` standing for any segment.
    #[must_use]
    pub fn calls(&self, method: &str, route: &str) -> usize {
        let log = self.shared.log();
        log.iter()
            .filter(|call| call.method == method && route_matches(route, &call.path))
            .count()
    }

    pub fn reset_requests(&self) {
        self.shared.log().clear();
    }

    /// The calls that no endpoint is there for.
    #[must_use]
    pub fn unknown_calls(&self) -> &UnknownCalls {
        &self.shared.unknown
    }

    /// The webhooks that were sent, in the order of their answers.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        locked(&self.shared.deliveries).clone()
    }

    pub fn reset_deliveries(&self) {
        locked(&self.shared.deliveries).clear();
    }

    /// Sends the webhooks that a fault keeps back.
    pub async fn flush_webhooks(&self) {
        announce::flush(&self.shared).await;
    }

    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Holds the calls of a route at a point, to make races certain.
    #[must_use]
    pub fn hold(&self, point: Point, route: &str) -> Hold {
        self.shared.gate.hold(point, route)
    }

    /// Sends the webhooks of meetings that began and ended, as the web application does every
    /// minute.
    pub async fn tick(&self) {
        meetings::tick(&self.shared).await;
    }

    /// Somebody books on Cal.com's own page. The body is that of `POST /v2/bookings`.
    ///
    /// # Errors
    /// The server's refusal, as JSON.
    pub async fn page_book(&self, body: Value) -> Result<Value, Value> {
        self.act("book", body).await
    }

    /// Somebody moves a booking there. `by` is their address, if they are signed in.
    ///
    /// # Errors
    /// The server's refusal, as JSON.
    pub async fn page_move(
        &self,
        uid: &str,
        start: DateTime<Utc>,
        by: Option<&str>,
    ) -> Result<Value, Value> {
        self.act(
            "move",
            json!({ "uid": uid, "start": super::reply::iso(start), "rescheduledBy": by }),
        )
        .await
    }

    /// Somebody calls a booking off there.
    ///
    /// # Errors
    /// The server's refusal, as JSON.
    pub async fn page_cancel(&self, uid: &str, reason: &str) -> Result<Value, Value> {
        self.act(
            "cancel",
            json!({ "uid": uid, "cancellationReason": reason }),
        )
        .await
    }

    /// The host accepts a request there.
    ///
    /// # Errors
    /// The server's refusal, as JSON.
    pub async fn page_confirm(&self, uid: &str) -> Result<Value, Value> {
        self.act("confirm", json!({ "uid": uid })).await
    }

    /// The host turns a request down there.
    ///
    /// # Errors
    /// The server's refusal, as JSON.
    pub async fn page_decline(&self, uid: &str, reason: &str) -> Result<Value, Value> {
        self.act("decline", json!({ "uid": uid, "reason": reason }))
            .await
    }

    /// The host marks an attendee there as absent, or as present after all.
    ///
    /// # Errors
    /// The server's refusal, as JSON.
    pub async fn page_no_show(&self, uid: &str, email: &str, absent: bool) -> Result<Value, Value> {
        let attendees = json!([{ "email": email, "absent": absent }]);
        self.act("absent", json!({ "uid": uid, "attendees": attendees }))
            .await
    }

    async fn act(&self, action: &str, body: Value) -> Result<Value, Value> {
        let now = self.shared.clock.now();
        match page::act(&self.shared, action, &body).await {
            Ok(reply) => Ok(reply
                .body
                .map(|body| body["data"].clone())
                .unwrap_or_default()),
            Err(failure) => Err(failure.into_reply("/_page", now).body.unwrap_or_default()),
        }
    }

    /// Connects a calendar or an app of a user: `google_calendar`, `zoom`. Connecting it again
    /// repairs it.
    pub fn connect(&self, user: u64, app: &str) {
        let mut state = self.shared.state();
        state.choices.entry(user).or_default().broken.remove(app);
        if let Some(user) = state
            .users
            .get_mut(&user)
            .filter(|user| !user.apps.iter().any(|known| known == app))
        {
            user.apps.push(app.to_owned());
        }
    }

    /// The other side of a calendar refuses the user's credential from now on.
    pub fn break_calendar(&self, user: u64, integration: &str) {
        self.shared
            .state()
            .choices
            .entry(user)
            .or_default()
            .broken
            .insert(integration.to_owned());
    }

    /// Something is entered in a calendar of a user, named by its integration and id: the main one
    /// has the user's address.
    pub fn enter(
        &self,
        user: u64,
        calendar: (&str, &str),
        start: DateTime<Utc>,
        end: DateTime<Utc>,
    ) {
        self.shared.state().enter(user, calendar, start, end);
    }

    /// A person with an account of their own, office hours in their zone, and an API key. Returns
    /// the user's id and the key.
    #[must_use]
    pub fn add_account(&self, name: &str, email: &str, time_zone: &str) -> (u64, String) {
        let mut state = self.shared.state();
        let uuid = state.uuid();
        let id = next(&mut state.ids.user);
        let username = email.split('@').next().unwrap_or(email).to_owned();
        let user = User {
            id,
            uuid,
            email: email.to_owned(),
            username,
            name: name.to_owned(),
            bio: None,
            time_zone: time_zone.to_owned(),
            week_start: "Sunday".to_owned(),
            created_at: self.shared.clock.now(),
            time_format: 12,
            default_schedule_id: None,
            locale: Some("en".to_owned()),
            avatar_url: None,
            metadata: None,
            managed: false,
            apps: Vec::new(),
            default_app: None,
        };
        state.users.insert(id, user);
        let schedule =
            state.add_schedule(id, "Working Hours", time_zone, office_hours(), Vec::new());
        state
            .users
            .get_mut(&id)
            .expect("just made")
            .default_schedule_id = Some(schedule);
        let key = state.new_key(id);
        (id, key)
    }

    /// Another API key of a person with an account.
    #[must_use]
    pub fn add_key(&self, user: u64) -> String {
        self.shared.state().new_key(user)
    }

    /// Who is signed in where the authorization page is opened next. User 1 until then.
    pub fn sign_in(&self, user: u64) {
        self.shared.state().signed_in = user;
    }

    /// Dates every access token of a user into the past.
    pub fn expire_access_tokens(&self, user: u64) {
        let now = self.shared.clock.now();
        self.shared.state().tokens.expire(user, now);
    }

    /// How many access tokens of a managed user are valid.
    #[must_use]
    pub fn live_access_tokens(&self, user: u64) -> usize {
        let now = self.shared.clock.now();
        self.shared.state().tokens.live(user, now)
    }

    /// Revokes every token of a managed user, as a force-refresh by another caller does.
    pub fn revoke_tokens(&self, user: u64) {
        self.shared.state().tokens.revoke(user);
    }

    /// Revokes the access tokens of a managed user only, as a refresh for another user does with
    /// those that have expired.
    pub fn revoke_access_tokens(&self, user: u64) {
        self.shared.state().tokens.revoke_access(user);
    }

    /// Every access and refresh token issued so far, valid or not.
    #[must_use]
    pub fn issued_tokens(&self) -> Vec<String> {
        self.shared.state().tokens.issued().to_vec()
    }

    /// Puts a booking at another time behind everybody's back. False when there is none.
    pub fn shift_booking(&self, uid: &str, start: DateTime<Utc>) -> bool {
        let mut state = self.shared.state();
        let Some(booking) = state.booking_mut(uid) else {
            return false;
        };
        booking.end = start + (booking.end - booking.start);
        booking.start = start;
        true
    }
}
