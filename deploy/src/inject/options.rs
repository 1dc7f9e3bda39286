//! The command line of `rouse injector`.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::quantity::Quantity;
use super::settings::{Injection, Resources, Share, Sidecar};
use crate::flag;
use crate::kubernetes::names;
use crate::link::ReporterIdentity;
use crate::log::LogFormat;

/// Where a pod finds the namespace that it is in.
const OWN_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// A certificate of less would be made anew for each that calls.
const LEAST_LIFETIME: Duration = Duration::from_secs(1);

/// What `rouse injector` was asked to do.
#[derive(clap::Args, Clone, Debug)]
pub struct Options {
    /// The image of the queue-proxy: it has /usr/local/bin/queue-proxy
    #[arg(long)]
    pub(super) image: String,
    /// The namespace that Rouse runs in [default: that of this pod, else rouse-system]
    #[arg(long, env = "NAMESPACE")]
    namespace: Option<String>,
    /// Where the apiserver calls, with TLS
    #[arg(long, default_value = "[::]:8443")]
    pub(super) listen: SocketAddr,
    /// Where /healthz, /readyz and /metrics are served
    #[arg(long, default_value = "[::]:8094")]
    pub(super) admin: SocketAddr,
    /// Where pods find the autoscaler: HOST:PORT [default: rouse-autoscaler.NAMESPACE.svc:8091]
    #[arg(long, value_parser = host_and_port)]
    autoscaler: Option<String>,
    /// What kind of container queue-proxies are; native ones need Kubernetes 1.29
    #[arg(long, default_value = "classic")]
    pub(super) sidecar: Sidecar,
    /// How queue-proxies show the autoscaler whose they are
    #[arg(long, default_value = "token")]
    reporter_identity: ReporterIdentity,
    /// How long a pod that ends serves on after the last new client
    #[arg(long, default_value = "10s", value_parser = flag::duration)]
    drain_quiet: Duration,
    /// Processors kept for a queue-proxy, unless its pod says otherwise
    #[arg(long, default_value = "25m")]
    sidecar_cpu_request: Quantity,
    /// Most of the processors for it [default: no limit]
    #[arg(long)]
    sidecar_cpu_limit: Option<Quantity>,
    /// Memory kept for it
    #[arg(long, default_value = "20Mi")]
    sidecar_memory_request: Quantity,
    /// Most of the memory for it
    #[arg(long, default_value = "256Mi")]
    sidecar_memory_limit: Quantity,
    /// How long the webhook's certificate is good; it is renewed after two thirds of that
    #[arg(long, default_value = "720h", value_parser = lifetime)]
    pub(super) certificate_lifetime: Duration,
    /// A further name or address by which the apiserver calls
    #[arg(long)]
    certificate_name: Vec<String>,
    /// How log lines are written
    #[arg(long, default_value = "text")]
    pub(super) log_format: LogFormat,
}

impl Options {
    /// The namespace that Rouse runs in.
    pub(super) fn namespace(&self) -> String {
        let own = || std::fs::read_to_string(Path::new(OWN_NAMESPACE)).ok().map(|text| text.trim().to_owned());
        let said = self.namespace.clone().or_else(own).filter(|namespace| !namespace.is_empty());
        said.unwrap_or_else(|| names::NAMESPACE.to_owned())
    }

    /// The names by which the apiserver calls the injector in `namespace`.
    pub(super) fn names(&self, namespace: &str) -> Vec<String> {
        let mut all = vec![format!("{}.{namespace}.svc", names::INJECTOR)];
        all.extend(self.certificate_name.iter().cloned());
        all
    }

    /// How queue-proxies are injected by the Rouse in `namespace`, whose `authority` (PEM) signs for the autoscaler.
    pub(super) fn injection(&self, namespace: &str, authority: &str) -> Injection {
        let usual = || format!("{}.{namespace}.svc:{}", names::AUTOSCALER, names::LINK_PORT);
        Injection {
            image: self.image.clone(),
            sidecar: self.sidecar,
            autoscaler: self.autoscaler.clone().unwrap_or_else(usual),
            authority: authority.to_owned(),
            identity: self.reporter_identity,
            drain_quiet: self.drain_quiet,
            resources: Resources {
                cpu: Share { request: Some(self.sidecar_cpu_request.clone()), limit: self.sidecar_cpu_limit.clone() },
                memory: Share {
                    request: Some(self.sidecar_memory_request.clone()),
                    limit: Some(self.sidecar_memory_limit.clone()),
                },
                ephemeral_storage: Share::default(),
            },
        }
    }
}

/// All pods would be told it: they must understand it.
fn host_and_port(text: &str) -> Result<String, String> {
    let is_one = text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if is_one { Ok(text.to_owned()) } else { Err("it must be HOST:PORT".to_owned()) }
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = flag::duration(text)?;
    if lifetime >= LEAST_LIFETIME { Ok(lifetime) } else { Err(format!("it must be {LEAST_LIFETIME:?} or more")) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn what_is_not_said_is_usual() {
        let options = Line::parse_from(["injector", "--image", "q", "--namespace", "rouse"]).options;
        assert_eq!(options.namespace(), "rouse");
        assert_eq!(options.names("rouse"), ["rouse-injector.rouse.svc"]);
        assert_eq!(options.certificate_lifetime, Duration::from_secs(30 * 24 * 3600));
        let injection = options.injection("rouse", "pem");
        assert_eq!(injection.autoscaler, "rouse-autoscaler.rouse.svc:8091");
        assert_eq!(injection.drain_quiet, config::bounds::DRAIN_QUIET);
        let usual = Resources::default();
        let (said, usual) = (format!("{:?}", injection.resources), format!("{usual:?}"));
        assert_eq!(said, usual, "the flags' defaults are the library's");
    }
    #[test]
    fn what_cannot_be_meant_is_refused() {
        let refused =
            |flag: &str, value: &str| Line::try_parse_from(["injector", "--image", "q", flag, value]).is_err();
        assert!(refused("--autoscaler", "rouse"));
        assert!(refused("--autoscaler", ":8091"));
        assert!(!refused("--autoscaler", "[fd00::1]:8091"));
        assert!(refused("--certificate-lifetime", "0s"));
        assert!(refused("--sidecar-memory-limit", "64MB"));
        assert!(refused("--sidecar", "none"));
    }
}
