//! How reporters show who they are, and what follows from what they show.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use clap::ValueEnum;
use config::link::{Reporter, Token};
use config::{Pod, PodId, WorkloadId};
use parking_lot::Mutex;
use queue_proxy::Clock;

use super::unwelcome::Unwelcome;
use crate::kubernetes::identity::{Bearer, Verifier};
use crate::kubernetes::names;

/// How reporters show who they are, as flags name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReporterIdentity {
    /// By a token that the cluster bound to their pod
    Token,
    /// By the address that they connect from: that of their pod
    Address,
    /// Not at all: whoever reaches the port is believed
    None,
}

/// How reporters show who they are, and what it takes to see that.
#[derive(Clone, Debug, Default)]
pub enum Identity {
    /// Not at all: whoever reaches the port is believed.
    #[default]
    None,
    /// By where they connect from: the address of the pod that they say they are, or of one of our own.
    Address(OwnPods),
    /// By a token that is bound to their pod.
    Token {
        /// Who verifies it.
        verifier: Verifier,
        /// Our namespace, in which activators are.
        namespace: Arc<str>,
    },
}

/// The addresses of our own pods, by name: of as many as there are. Whoever watches them keeps it up to date; copies are the
/// same.
#[derive(Clone, Debug, Default)]
pub struct OwnPods(Arc<Mutex<BTreeMap<String, IpAddr>>>);

/// What a reporter has shown, as far as the platform must agree to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Nothing that the platform knows of.
    Nothing,
    /// A pod that connects from there.
    Address(IpAddr),
    /// A pod whose token is of this namespace.
    Namespace(String),
}

impl fmt::Display for ReporterIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReporterIdentity::Token => "token",
            ReporterIdentity::Address => "address",
            ReporterIdentity::None => "none",
        })
    }
}

impl Identity {
    /// Where the reporter is to be reached, by what it says. Where tokens show who it is a pod is believed only the address
    /// that it connects from; else the platform has to say it.
    pub(crate) fn address(&self, reporter: &Reporter, said: SocketAddr, peer: IpAddr) -> SocketAddr {
        let is_own = said.ip().to_canonical() == peer.to_canonical();
        match (self, reporter) {
            (Identity::Token { .. }, Reporter::Pod(_)) if !is_own => (Ipv4Addr::UNSPECIFIED, 0).into(),
            _ => said,
        }
    }

    /// What `reporter` shows by its `token`, or by connecting from `peer`.
    pub(crate) async fn ask(
        &self,
        reporter: &Reporter,
        token: Option<&Token>,
        peer: IpAddr,
    ) -> Result<Proof, Unwelcome> {
        match self {
            Identity::None => Ok(Proof::Nothing),
            Identity::Address(own) => own.prove(reporter, peer.to_canonical()),
            Identity::Token { verifier, namespace } => {
                let token = token.ok_or(Unwelcome::NoToken)?;
                prove(verifier.verify(token, Clock::machine_time()).await?, reporter, namespace)
            }
        }
    }
}

impl OwnPods {
    /// Our own pod of this name has this address; none when it is gone.
    pub fn set(&self, name: &str, address: Option<IpAddr>) {
        let mut own = self.0.lock();
        match address {
            Some(address) => drop(own.insert(name.to_owned(), address.to_canonical())),
            None => drop(own.remove(name)),
        }
    }

    fn prove(&self, reporter: &Reporter, peer: IpAddr) -> Result<Proof, Unwelcome> {
        let Reporter::Activator(name) = reporter else { return Ok(Proof::Address(peer)) };
        match self.0.lock().get(name.as_ref()) {
            Some(address) if *address == peer => Ok(Proof::Nothing),
            Some(_) => Err(Unwelcome::OtherAddress),
            None => Err(Unwelcome::NoAddress),
        }
    }
}

/// Whether `reporter` is whom a token speaks for. An activator is one by its ServiceAccount in `ours`.
fn prove(bearer: Bearer, reporter: &Reporter, ours: &str) -> Result<Proof, Unwelcome> {
    match reporter {
        Reporter::Pod(id) if is_id(id, &bearer) => Ok(Proof::Namespace(bearer.namespace)),
        Reporter::Pod(_) => Err(Unwelcome::OtherPod),
        Reporter::Activator(name)
            if bearer.namespace == ours
                && bearer.service_account == names::ACTIVATOR
                && bearer.pod == name.as_ref() =>
        {
            Ok(Proof::Nothing)
        }
        Reporter::Activator(_) => Err(Unwelcome::NoActivator),
    }
}

/// Whether the pod is called `NAME.UID`. Both may have dots.
fn is_id(id: &PodId, bearer: &Bearer) -> bool {
    let uid = id.as_str().strip_prefix(bearer.pod.as_str()).and_then(|rest| rest.strip_prefix('.'));
    uid == Some(bearer.uid.as_str())
}

impl Proof {
    /// Whether it does for a pod that the platform has `named`, or has not yet, to serve `workload`.
    pub(crate) fn does_for(&self, named: Option<&Pod>, workload: &WorkloadId) -> Result<(), Unwelcome> {
        match (self, named.map(|pod| pod.address.ip())) {
            (Proof::Nothing, _) => Ok(()),
            (Proof::Namespace(namespace), _) if namespace == workload.namespace() => Ok(()),
            (Proof::Namespace(namespace), _) => Err(Unwelcome::OtherNamespace(namespace.clone())),
            (Proof::Address(_), None) => Err(Unwelcome::Unnamed),
            (Proof::Address(_), Some(address)) if address.is_unspecified() => Err(Unwelcome::NoAddress),
            (Proof::Address(peer), Some(address)) if *peer == address.to_canonical() => Ok(()),
            (Proof::Address(_), Some(_)) => Err(Unwelcome::OtherAddress),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(namespace: &str, service_account: &str, pod: &str, uid: &str) -> Bearer {
        let [namespace, service_account, pod, uid] = [namespace, service_account, pod, uid].map(str::to_owned);
        Bearer { namespace, service_account, pod, uid }
    }

    fn word<T>(verdict: Result<T, Unwelcome>) -> &'static str {
        verdict.map_or_else(|why| why.word(), |_| "ok")
    }

    #[test]
    fn a_token_speaks_for_one_pod_by_its_name_and_uid() {
        let verdict = |id: &str, pod, uid| {
            word(prove(bearer("shop", "default", pod, uid), &Reporter::Pod(PodId::new(id)), "rouse-system"))
        };
        assert_eq!(verdict("web-1.7f", "web-1", "7f"), "ok");
        assert_eq!(verdict("web.v2-1.7f", "web.v2-1", "7f"), "ok");
        for (id, pod, uid) in
            [("web-1.7f", "web-2", "7f"), ("web-1.7f", "web-1", "8a"), ("web-1", "web-1", ""), ("web-1.7f", "", "7f")]
        {
            assert_eq!(verdict(id, pod, uid), "other-pod", "{id} with the token of {pod} {uid}");
        }
    }

    #[test]
    fn an_activator_is_one_by_namespace_service_account_and_name() {
        let verdict = |namespace, service_account, pod| {
            let reporter = Reporter::Activator("activator-1".into());
            word(prove(bearer(namespace, service_account, pod, "7f"), &reporter, "rouse-system"))
        };
        assert_eq!(verdict("rouse-system", "rouse-activator", "activator-1"), "ok");
        assert_eq!(verdict("shop", "rouse-activator", "activator-1"), "no-activator");
        assert_eq!(verdict("rouse-system", "default", "activator-1"), "no-activator");
        assert_eq!(verdict("rouse-system", "rouse-activator", "activator-2"), "no-activator");
    }

    #[test]
    fn the_platform_must_agree_with_what_a_pod_shows() {
        let workload = |namespace: &str| WorkloadId::new(namespace, "Deployment", "web");
        let token = Proof::Namespace("shop".to_owned());
        assert_eq!(word(token.does_for(None, &workload("shop"))), "ok");
        assert_eq!(word(token.does_for(None, &workload("bank"))), "other-namespace");

        let named = |address: &str| Pod {
            id: PodId::new("web-1.7f"),
            workload: workload("shop"),
            address: address.parse().unwrap(),
            state: config::PodState::Starting,
            has_queue_proxy: true,
            created: config::Time::ZERO,
        };
        let from = |peer: &str, pod: Option<&str>| {
            let proof = Proof::Address(peer.parse().unwrap());
            word(proof.does_for(pod.map(named).as_ref(), &workload("shop")))
        };
        assert_eq!(from("10.0.0.7", Some("10.0.0.7:8012")), "ok");
        assert_eq!(from("fd00::7", Some("[fd00::7]:8012")), "ok");
        assert_eq!(from("10.0.0.8", Some("10.0.0.7:8012")), "other-address");
        assert_eq!(from("10.0.0.7", Some("0.0.0.0:0")), "no-address");
        assert_eq!(from("10.0.0.7", None), "unnamed");
    }

    #[tokio::test]
    async fn an_activator_connects_from_the_address_of_our_own_pod_of_its_name() {
        let own = OwnPods::default();
        let identity = Identity::Address(own.clone());
        let from = async |peer: &str| {
            let activator = Reporter::Activator("activator-1".into());
            word(identity.ask(&activator, None, peer.parse().unwrap()).await)
        };
        assert_eq!(from("10.0.0.7").await, "no-address");
        own.set("activator-1", Some([10, 0, 0, 7].into()));
        own.set("activator-2", Some([10, 0, 0, 8].into()));
        assert_eq!(from("10.0.0.7").await, "ok");
        assert_eq!(from("::ffff:10.0.0.7").await, "ok", "the same through a port of both families");
        assert_eq!(from("10.0.0.8").await, "other-address");
        own.set("activator-1", None);
        assert_eq!(from("10.0.0.7").await, "no-address");
    }
}
