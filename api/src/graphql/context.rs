//! Data that every resolver reads from the request context.

use std::sync::Arc;

use async_graphql::Context;

use crate::app::App;
use crate::domain::Caller;

/// The application.
pub(crate) fn app<'a>(ctx: &Context<'a>) -> &'a Arc<App> {
    ctx.data_unchecked::<Arc<App>>()
}

/// The caller: viewer and correlation id.
pub(crate) fn caller<'a>(ctx: &Context<'a>) -> &'a Caller {
    ctx.data_unchecked::<Caller>()
}
