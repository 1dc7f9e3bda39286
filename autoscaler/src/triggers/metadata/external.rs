//! `external` and `external-push`: whoever speaks KEDA's gRPC.

use std::collections::BTreeMap;

use config::keda::Secret;

use super::parameters::{Parameters, plain};
use super::{Tls, text};

/// A server that says itself what it counts, and what one pod should carry of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// `scalerAddress`: `host:port`.
    pub address: String,
    /// Whether it also says at once when it becomes active.
    pub push: bool,
    /// `enableTLS`, or a certificate: how TLS is spoken, if it is.
    pub tls: Option<Tls>,
    /// The metadata, which it is told: all of it, with what the variables hold that `…FromEnv` names.
    pub metadata: BTreeMap<String, Secret>,
}

impl External {
    pub(super) fn read(push: bool, parameters: &mut Parameters<'_>) -> Option<External> {
        let address = parameters.needed(plain("scalerAddress"), text::address);
        let enabled = parameters.switch(plain("enableTLS"));
        let tls = Tls::named(parameters, ["caCert", "tlsClientCert", "tlsClientKey"]);
        let given = tls.ca.is_some() || tls.client.is_some();
        let mut metadata = BTreeMap::new();
        for (name, text) in parameters.metadata() {
            let secret = match name.ends_with("FromEnv") {
                false => Secret::new(text),
                true => {
                    let Some(variable) = parameters.variable(text) else {
                        parameters.refuse(name, format!("{text:?} is no variable of the container"));
                        continue;
                    };
                    variable.clone()
                }
            };
            metadata.insert(name.clone(), secret);
        }
        Some(External { address: address?, push, tls: (enabled || given).then_some(tls), metadata })
    }
}
