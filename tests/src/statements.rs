//! The SQL that was run.

use std::sync::{Arc, Mutex, PoisonError};

/// Every statement of an application, in order. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Statements(Arc<Mutex<Vec<String>>>);

impl Statements {
    pub(crate) fn add(&self, sql: &str) {
        self.lock().push(sql.to_owned());
    }

    /// The statements that were run while a future ran.
    pub async fn of<T>(&self, future: impl Future<Output = T>) -> (T, Vec<String>) {
        self.lock().clear();
        let value = future.await;
        (value, std::mem::take(&mut *self.lock()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
