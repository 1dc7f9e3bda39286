//! Names that users, manifests and every part of Rouse on Kubernetes agree on: labels, annotations, ports, objects.

/// Label of a workload (`"true"`) that Rouse scales.
pub const SCALE_LABEL: &str = "rouse.dev/scale";

/// Label of a pod template (`"true"`) whose pods get a queue-proxy.
pub const INJECT_LABEL: &str = "rouse.dev/inject";

/// Label of a namespace (`"true"`) whose pods and Services the injector is not asked about.
pub const SYSTEM_LABEL: &str = "rouse.dev/system";

/// Annotation of a Service: the workload that it leads to, `NAME`, `KIND/NAME`.
pub const WORKLOAD_ANNOTATION: &str = "rouse.dev/workload";

/// Annotation of a Service: the one of its ports (name or number) that is served.
pub const PORT_ANNOTATION: &str = "rouse.dev/port";

/// Key in the selector of a Service that Rouse routes; no pod carries it, so that Kubernetes' own slices are empty.
pub const ROUTE_KEY: &str = "rouse.dev/route";

/// The value of [`ROUTE_KEY`].
pub const ROUTE_MANAGED: &str = "managed";

/// Annotation of a workload: how many replicas it had when Rouse adopted it.
pub const ORIGINAL_REPLICAS: &str = "rouse.dev/original-replicas";

/// Annotation of a workload (`"true"`): its initial-scale was reached once.
pub const INITIALIZED: &str = "rouse.dev/initialized";

/// Label of what belongs to a Knative `Service`, with its name; the selector of its pods.
pub const KNATIVE_SERVICE: &str = "serving.knative.dev/service";

/// Annotation of what we apply: what it was made from, in short. It is outside `rouse.dev/`, where words are the users'.
pub const APPLIED: &str = "applied.rouse.dev/from";

/// Annotation of a ReplicaSet or StatefulSet: when Rouse had its controller try again to create pods.
pub const NUDGED: &str = "rouse.dev/nudged";

/// Annotation of a workload (`"true"`): nothing is scaled, and the activator stays in the path.
pub const PAUSED: &str = "rouse.dev/paused";

/// Annotation of a workload (`"true"`): `rouse uninstall` has paused it, and is on its way to give it back.
pub const LEAVING: &str = "rouse.dev/leaving";

/// Who manages our EndpointSlices: the value of `endpointslice.kubernetes.io/managed-by`, and of
/// `app.kubernetes.io/managed-by` on whatever else we make.
pub const MANAGED_BY: &str = "rouse.dev";

/// The field manager of all that we write.
pub const FIELD_MANAGER: &str = "rouse";

/// The namespace that `rouse install` makes.
pub const NAMESPACE: &str = "rouse-system";

/// The Service, ServiceAccount and Deployment of the autoscaler.
pub const AUTOSCALER: &str = "rouse-autoscaler";

/// The Service, ServiceAccount and Deployment of activators.
pub const ACTIVATOR: &str = "rouse-activator";

/// The Service, ServiceAccount, Deployment and webhook configuration of the injector.
pub const INJECTOR: &str = "rouse-injector";

/// The Secret with the key of the authority that signs for the autoscaler and the injector; the ConfigMap of the same
/// name has its certificate.
pub const AUTHORITY: &str = "rouse-ca";

/// The Lease that the autoscaler that decides holds.
pub const LEASE: &str = "rouse-autoscaler";

/// The ConfigMap, in our own namespace, with Knative's keys.
pub const CONFIG_AUTOSCALER: &str = "config-autoscaler";

/// The ConfigMap, in our own namespace, with Knative's keys for timeouts and concurrency.
pub const CONFIG_DEFAULTS: &str = "config-defaults";

/// The audience of the tokens with which reporters introduce themselves.
pub const AUDIENCE: &str = "rouse";

/// Label of each of our own objects that belongs to one process: the name of that.
pub const PROCESS_LABEL: &str = "app.kubernetes.io/name";

/// The name of the container that is injected.
pub const QUEUE_PROXY: &str = "queue-proxy";

/// The name of its port, and its number, where requests come in.
pub const QUEUE_PORT_NAME: &str = "rouse-queue";
/// See [`QUEUE_PORT_NAME`].
pub const QUEUE_PORT: u16 = 8012;

/// Where a queue-proxy answers `/wait-for-drain`, `/healthz` and `/metrics`.
pub const QUEUE_ADMIN_PORT: u16 = 8022;
/// See [`QUEUE_ADMIN_PORT`].
pub const QUEUE_ADMIN_PORT_NAME: &str = "rouse-admin";

/// Where a queue-proxy serves `/metrics` as Knative's does.
pub const QUEUE_METRICS_PORT: u16 = 9091;
/// See [`QUEUE_METRICS_PORT`].
pub const QUEUE_METRICS_PORT_NAME: &str = "rouse-metrics";

/// The name of the port of the autoscaler's Service, and of [`LINK_PORT`] in its slice.
pub const LINK_PORT_NAME: &str = "link";

/// Where the autoscaler listens for Links.
pub const LINK_PORT: u16 = 8091;

/// The name of the port of the autoscaler's Service, and of [`SCALER_PORT`] in its slice.
pub const SCALER_PORT_NAME: &str = "scaler";

/// Where KEDA asks the autoscaler what is counted, if it may.
pub const SCALER_PORT: u16 = 8095;

/// Where the autoscaler's admin port is.
pub const AUTOSCALER_ADMIN_PORT: u16 = 8092;

/// Where an activator's admin port is.
pub const ACTIVATOR_ADMIN_PORT: u16 = 8093;

/// Where an activator's gateway, which routes by `Host`, is.
pub const GATEWAY_PORT: u16 = 8080;

/// Where the injector answers the apiserver.
pub const INJECTOR_PORT: u16 = 8443;

/// Where the injector's admin port is.
pub const INJECTOR_ADMIN_PORT: u16 = 8094;

/// The first of the ports that activators listen on for one workload each.
pub const FIRST_DOOR: u16 = 10_000;

/// The last of them.
pub const LAST_DOOR: u16 = 29_999;
