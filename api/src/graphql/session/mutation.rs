//! Mutations of sessions: start, end, attendance, rating.

use async_graphql::{Context, ID, InputObject, Object};
use entity::session::Attendance;

use super::object::Session;
use crate::domain::{self, session};
use crate::graphql::context::{app, caller};
use crate::graphql::error::Result;
use crate::graphql::id::Kind;
use crate::graphql::payload::payload;

/// Input of markAttendance. Give at least one side; what is left out stays.
#[derive(Clone, Debug, InputObject)]
pub struct MarkAttendanceInput {
    /// The session.
    pub session_id: ID,
    /// Whether the coach came: PRESENT or ABSENT.
    pub coach_attendance: Option<Attendance>,
    /// Whether the client came: PRESENT or ABSENT.
    pub client_attendance: Option<Attendance>,
    /// The version the caller has seen: refuses to change a session that has changed since.
    pub version: Option<i64>,
}

/// Input of startSession.
#[derive(Clone, Debug, InputObject)]
pub struct StartSessionInput {
    /// The session.
    pub session_id: ID,
    /// The version the caller has seen: refuses to change a session that has changed since.
    pub version: Option<i64>,
}

/// Input of completeSession.
#[derive(Clone, Debug, InputObject)]
pub struct CompleteSessionInput {
    /// The session.
    pub session_id: ID,
    /// The version the caller has seen: refuses to change a session that has changed since.
    pub version: Option<i64>,
}

/// Input of rateSession.
#[derive(Clone, Debug, InputObject)]
pub struct RateSessionInput {
    /// The session.
    pub session_id: ID,
    /// 1 to 5.
    pub rating: i32,
    /// The version the caller has seen: refuses to change a session that has changed since.
    pub version: Option<i64>,
}

payload!(MarkAttendancePayload, "Result of markAttendance.", session: Session, "The session.");
payload!(StartSessionPayload, "Result of startSession.", session: Session, "The session, now IN_PROGRESS.");
payload!(CompleteSessionPayload, "Result of completeSession.", session: Session, "The session, now COMPLETED or a NO_SHOW.");
payload!(RateSessionPayload, "Result of rateSession.", session: Session, "The session.");

/// Mutations of sessions.
#[derive(Default)]
pub struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Say who came, from the booked start on. A session that is over is a NO_SHOW when either side was absent, and COMPLETED otherwise.
    /// Only the coach and staff.
    async fn mark_attendance(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who came.")] input: MarkAttendanceInput,
    ) -> Result<MarkAttendancePayload> {
        let done = async {
            let session_id = Kind::Session.key("sessionId", &input.session_id)?;
            let MarkAttendanceInput {
                coach_attendance: coach,
                client_attendance: client,
                version,
                ..
            } = input;
            let input = session::MarkAttendance {
                session_id,
                coach,
                client,
                version,
            };
            session::mark_attendance(app(ctx), caller(ctx), input).await
        }
        .await;
        MarkAttendancePayload::new(done, Session::of)
    }

    /// Begin a session, from 15 minutes before its booked start on. Only the coach and staff.
    async fn start_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which session.")] input: StartSessionInput,
    ) -> Result<StartSessionPayload> {
        let done: domain::Result<_> = async {
            let id = Kind::Session.key("sessionId", &input.session_id)?;
            session::start(app(ctx), caller(ctx), id, input.version).await
        }
        .await;
        StartSessionPayload::new(done, Session::of)
    }

    /// End a session, from its booked start on; its booking is COMPLETED with it. Sessions that nobody ends, end by themselves a while
    /// after their booked end. Only the coach and staff.
    async fn complete_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which session.")] input: CompleteSessionInput,
    ) -> Result<CompleteSessionPayload> {
        let done: domain::Result<_> = async {
            let id = Kind::Session.key("sessionId", &input.session_id)?;
            session::complete(app(ctx), caller(ctx), id, input.version).await
        }
        .await;
        CompleteSessionPayload::new(done, Session::of)
    }

    /// Rate a completed session; a second rating takes the place of the first. Only its client.
    async fn rate_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which session, and how it was.")] input: RateSessionInput,
    ) -> Result<RateSessionPayload> {
        let done: domain::Result<_> = async {
            let session_id = Kind::Session.key("sessionId", &input.session_id)?;
            let rate = session::Rate {
                session_id,
                rating: input.rating,
                version: input.version,
            };
            session::rate(app(ctx), caller(ctx), rate).await
        }
        .await;
        RateSessionPayload::new(done, Session::of)
    }
}
