//! What a session runs on its server, by the server's own numbers: ended there when the session is dropped, since a server that
//! computes notices a lost connection only when it has something to send.

use crate::server::Login;
use std::sync::{Arc, Mutex};

/// The connections of a session.
#[derive(Debug, Clone)]
pub(super) struct Running {
    login: Arc<Login>,
    ids: Arc<Mutex<Vec<String>>>,
}

impl Running {
    /// None yet.
    pub(super) fn new(login: &Login) -> Self {
        Self { login: Arc::new(login.clone()), ids: Arc::default() }
    }

    /// How to log in beside them.
    pub(super) fn login(&self) -> &Login {
        &self.login
    }

    /// Counts a connection in.
    pub(super) fn add(&self, id: String) {
        if let Ok(mut ids) = self.ids.lock() {
            ids.push(id);
        }
    }

    /// The first of them.
    pub(super) fn first(&self) -> Option<String> {
        self.ids.lock().ok()?.first().cloned()
    }

    /// Nothing runs any more.
    pub(super) fn forget(&self) {
        if let Ok(mut ids) = self.ids.lock() {
            ids.clear();
        }
    }

    /// Has `stop` ask the server to end them, behind whoever drops the session.
    pub(super) fn end<F>(&self, stop: impl FnOnce(Arc<Login>, Vec<String>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let ids = self.ids.lock().map(|mut ids| std::mem::take(&mut *ids)).unwrap_or_default();
        let (Ok(runtime), false) = (tokio::runtime::Handle::try_current(), ids.is_empty()) else { return };
        runtime.spawn(stop(Arc::clone(&self.login), ids));
    }
}
