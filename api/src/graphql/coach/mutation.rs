//! Mutations of coach profiles.

use async_graphql::{Context, Object};

use super::input::UpdateCoachProfileInput;
use super::object::Coach;
use crate::domain::coach;
use crate::graphql::context::{app, caller};
use crate::graphql::error::Result;
use crate::graphql::payload::payload;

payload!(UpdateCoachProfilePayload, "Result of updateCoachProfile.", coach: Coach, "The profile.");

/// Mutations of coach profiles.
#[derive(Default)]
pub struct CoachMutation;

#[Object]
impl CoachMutation {
    /// Change the caller's own profile; staff change anyone's.
    async fn update_coach_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: UpdateCoachProfileInput,
    ) -> Result<UpdateCoachProfilePayload> {
        let done =
            async { coach::update_profile(app(ctx), caller(ctx), input.read()?).await }.await;
        UpdateCoachProfilePayload::new(done, Coach::new)
    }
}
