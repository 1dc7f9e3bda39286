//! The messages of `externalscaler.ExternalScaler`, by KEDA's numbers.

use std::collections::HashMap;

/// The path of its methods.
macro_rules! path {
    ($method:literal) => {
        concat!("/externalscaler.ExternalScaler/", $method)
    };
}

/// `IsActive(ScaledObjectRef) → IsActive`
pub(crate) const IS_ACTIVE: &str = path!("IsActive");
/// `StreamIsActive(ScaledObjectRef) → stream IsActive`
pub(crate) const STREAM_IS_ACTIVE: &str = path!("StreamIsActive");
/// `GetMetricSpec(ScaledObjectRef) → MetricSpecs`
pub(crate) const GET_METRIC_SPEC: &str = path!("GetMetricSpec");
/// `GetMetrics(GetMetrics) → MetricValues`
pub(crate) const GET_METRICS: &str = path!("GetMetrics");

/// Whose trigger it is, and the metadata of that.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ScaledObjectRef {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) namespace: String,
    #[prost(map = "string, string", tag = "3")]
    pub(crate) metadata: HashMap<String, String>,
}

/// Whether there is anything to do.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct IsActive {
    #[prost(bool, tag = "1")]
    pub(crate) result: bool,
}

/// What is measured.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MetricSpecs {
    #[prost(message, repeated, tag = "1")]
    pub(crate) specs: Vec<MetricSpec>,
}

/// One metric, and what one pod should carry of it.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MetricSpec {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    /// For those who know nothing else.
    #[prost(int64, tag = "2")]
    pub(crate) target: i64,
    #[prost(double, tag = "3")]
    pub(crate) target_float: f64,
}

/// Asks for one metric.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetMetrics {
    #[prost(message, optional, tag = "1")]
    pub(crate) object: Option<ScaledObjectRef>,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
}

/// What was asked for.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MetricValues {
    #[prost(message, repeated, tag = "1")]
    pub(crate) values: Vec<MetricValue>,
}

/// One number.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MetricValue {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    /// For those who know nothing else.
    #[prost(int64, tag = "2")]
    pub(crate) value: i64,
    #[prost(double, tag = "3")]
    pub(crate) value_float: f64,
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn on_the_wire_they_are_what_keda_reads() {
        let metadata = HashMap::from([("k".to_owned(), "v".to_owned())]);
        let object = ScaledObjectRef { name: "a".to_owned(), namespace: "b".to_owned(), metadata };
        let wire = b"\x0a\x01a\x12\x01b\x1a\x06\x0a\x01k\x12\x01v";
        assert_eq!(object.encode_to_vec(), wire);
        let asks = GetMetrics { object: Some(object), name: "m".to_owned() };
        assert_eq!(asks.encode_to_vec(), [b"\x0a\x0e", &wire[..], b"\x12\x01m"].concat());
        let value = MetricValue { name: "m".to_owned(), value: 3, value_float: 2.5 };
        let number = b"\x0a\x01m\x10\x03\x19\0\0\0\0\0\0\x04\x40";
        assert_eq!(MetricValues { values: vec![value] }.encode_to_vec(), [b"\x0a\x0e", &number[..]].concat());
        let spec = MetricSpec { name: "m".to_owned(), target: 3, target_float: 2.5 };
        assert_eq!(MetricSpecs { specs: vec![spec] }.encode_to_vec(), [b"\x0a\x0e", &number[..]].concat());
        assert_eq!(IsActive { result: true }.encode_to_vec(), b"\x08\x01");
    }
}
