//! Without the feature `external-scaler`: nobody is answered.

use std::net::SocketAddr;

use anyhow::anyhow;

use super::Counted;

/// The port: there is none.
#[derive(Debug)]
pub enum Port {}

impl Port {
    /// Listens nowhere.
    ///
    /// # Errors
    /// Always.
    pub fn bind(_at: SocketAddr) -> anyhow::Result<Port> {
        Err(anyhow!("--external-scaler: this rouse was built without the feature external-scaler"))
    }

    /// Never called.
    pub async fn serve(self, _counted: Counted) {
        match self {}
    }
}
