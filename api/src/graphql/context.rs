//! What every resolver may ask for.

use std::sync::Arc;

use async_graphql::Context;

use crate::app::App;
use crate::domain::Caller;

/// The application.
pub(crate) fn app<'a>(ctx: &Context<'a>) -> &'a Arc<App> {
    ctx.data_unchecked::<Arc<App>>()
}

/// Who calls.
pub(crate) fn caller<'a>(ctx: &Context<'a>) -> &'a Caller {
    ctx.data_unchecked::<Caller>()
}
