//! stub
use crate::app::App;
use std::sync::Arc;
pub fn router(_app: Arc<App>) -> axum::Router {
    axum::Router::new()
}
