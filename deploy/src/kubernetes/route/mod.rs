//! How requests to a Service reach activators or pods: by EndpointSlices of our own.
//!
//! A Service that is annotated gets a key into its selector that no pod has, so that Kubernetes leads it nowhere, and
//! slices of ours that lead to activators (each of which has a port for each workload) or to the queue-proxies of pods.
//! What is to be done follows, each time, from what is seen:
//!
//! | | |
//! | --- | --- |
//! | `watches` | what there is: Services (`service`), slices (`slice`) |
//! | `claim` | what is to become of a Service, and who is `there` to lead to (`choose`) |
//! | `desired` | the slices that follow |
//! | `step` | what is to be done next |
//! | `work` | doing it |
//! | `evidence` | whether a route is true everywhere |
//! | `behind` | who stands behind a Service, for others who ask |

mod behind;
mod choose;
mod claim;
mod desired;
mod doors;
mod evidence;
mod filled;
mod found;
mod hash;
mod jobs;
mod objects;
mod ports;
mod router;
mod service;
mod services;
mod slice;
mod state;
mod step;
mod there;
mod watches;
mod work;

pub use behind::endpoints;
pub use desired::NamedPorts;
pub use router::{Router, RouterParts, ServiceSeen};
pub use service::ServiceId;
