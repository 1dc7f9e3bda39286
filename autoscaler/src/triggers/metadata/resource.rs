//! `cpu` and `memory`: what the pods themselves use. They ask for more pods and never for the first.

use config::quantity;

use super::parameters::{Parameters, plain};

/// What pods use of a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// `cpu`; else memory.
    pub cpu: bool,
    /// `value`: what one pod should use. Of the metric type Utilization so many percent of what it requests, of
    /// AverageValue so many cores or bytes.
    pub target: f64,
    /// `containerName`: the container that counts; else all of a pod's.
    pub container: Option<String>,
}

impl Resource {
    pub(super) fn read(kind: &str, parameters: &mut Parameters<'_>) -> Option<Resource> {
        let target = parameters.needed(plain("value"), |text| {
            let value = quantity::parse(text).filter(|value| *value > 0.0);
            value.ok_or_else(|| "is not a quantity of more than 0: write 60, 500m or 64Mi".to_owned())
        });
        if parameters.has(plain("type")) {
            parameters.refuse("type", "is no longer a parameter: write metricType beside type");
        }
        let container = parameters.text(plain("containerName"));
        Some(Resource { cpu: kind == "cpu", target: target?, container })
    }
}
