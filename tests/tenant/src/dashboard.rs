//! The operator's side: settings, faults and the requests seen.

use std::sync::Arc;

use axum::Router;

use crate::shared::Shared;

/// The files that the pages load.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
}
