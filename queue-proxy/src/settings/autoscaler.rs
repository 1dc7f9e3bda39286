//! Whom the queue-proxy reports to, as whom, and by what each knows the other.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use config::{PodId, WorkloadId};

use super::Reader;

/// Whom the queue-proxy reports to, and as whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Autoscaler {
    /// `host:port`.
    pub server: String,
    /// With it the Link is TLS, else plain.
    pub trust: Option<Trust>,
    /// The pod's workload; without it the autoscaler says which one it is.
    pub workload: Option<WorkloadId>,
    /// The pod.
    pub pod: PodId,
    /// Where others reach this queue-proxy.
    pub address: SocketAddr,
}

/// By what the autoscaler is known, and the pod to it. A token is a secret: it needs somebody to be trusted with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trust {
    /// Who signs for the autoscaler.
    pub authorities: Authorities,
    /// The file of the token that shows who the pod is.
    pub token: Option<PathBuf>,
}

/// Certificates of authorities, in PEM form.
#[derive(Clone, Debug, PartialEq)]
pub enum Authorities {
    /// In this file.
    File(PathBuf),
    /// These.
    Pem(String),
}

impl Reader {
    pub(super) fn autoscaler(&mut self, listen: SocketAddr) -> Option<Autoscaler> {
        let server = self.text("ROUSE_AUTOSCALER");
        if server.is_empty() {
            return None;
        }
        let has_port =
            server.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if !has_port {
            self.problems.push(format!("ROUSE_AUTOSCALER={server}: not HOST:PORT"));
        }
        let trust = self.trust();
        let workload = self.get("ROUSE_WORKLOAD");
        // A cluster's autoscaler knows its pods: by their tokens, or by their UIDs and where they connect from.
        if ["ROUSE_WORKLOAD", "ROUSE_LINK_TOKEN", "ROUSE_POD_UID"].iter().all(|name| self.text(name).is_empty()) {
            self.problems.push("ROUSE_WORKLOAD: required with ROUSE_AUTOSCALER, but for pods of a cluster".to_owned());
        }
        let names = ["ROUSE_POD", "SERVING_POD"].map(|name| self.text(name));
        let pod = names.iter().find(|name| !name.is_empty());
        if pod.is_none() {
            self.problems.push("ROUSE_POD: required with ROUSE_AUTOSCALER".to_owned());
        }
        let address = self.pod_address(listen);
        Some(Autoscaler { server, trust, workload, pod: PodId::new(pod?), address })
    }

    fn trust(&mut self) -> Option<Trust> {
        let [file, pem, token] = ["ROUSE_LINK_CA", "ROUSE_LINK_CA_PEM", "ROUSE_LINK_TOKEN"]
            .map(|name| Some(self.text(name)).filter(|text| !text.is_empty()));
        let authorities = match (file, pem) {
            (Some(_), Some(_)) => {
                self.problems.push("ROUSE_LINK_CA_PEM: only without ROUSE_LINK_CA".to_owned());
                return None;
            }
            (Some(file), None) => Authorities::File(file.into()),
            (None, Some(pem)) => Authorities::Pem(pem),
            (None, None) => {
                if token.is_some() {
                    let why = "a token is sent over TLS only, which needs ROUSE_LINK_CA or ROUSE_LINK_CA_PEM";
                    self.problems.push(format!("ROUSE_LINK_TOKEN: {why}"));
                }
                return None;
            }
        };
        Some(Trust { authorities, token: token.map(PathBuf::from) })
    }

    fn pod_address(&mut self, listen: SocketAddr) -> SocketAddr {
        match self.pod_ip() {
            Some(ip) => SocketAddr::new(ip, listen.port()),
            None => self.or("ROUSE_POD_ADDRESS", listen),
        }
    }

    /// The pod's address, where it is said without a port.
    pub(super) fn pod_ip(&self) -> Option<IpAddr> {
        self.text("ROUSE_POD_ADDRESS").parse().ok()
    }
}
