//! stub
use std::sync::Arc;
use crate::app::App;
pub fn router(_app: Arc<App>) -> axum::Router { axum::Router::new() }
