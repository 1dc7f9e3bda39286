//! `metrics-api`

use super::parameters::{Parameters, anywhere, plain, positive};
use super::{Endpoint, Http};
use crate::triggers::measure::metrics_api::Place;

/// A number that an API says.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricsApi {
    /// `url`
    pub url: Endpoint,
    /// `format` (json)
    pub format: Format,
    /// `valueLocation`: where in the answer the number is.
    pub value_location: String,
    /// `targetValue`: what one pod should carry; more than 0.
    pub target: f64,
    /// `activationTargetValue` (0)
    pub activation: f64,
    /// `aggregateFromKubeServiceEndpoints`: every endpoint of the Service in the URL is asked, and their answers become one
    /// number by `aggregationType`.
    pub endpoints: Option<Aggregation>,
    /// How it is asked.
    pub http: Http,
}

/// What an answer is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// JSON
    #[default]
    Json,
    /// XML
    Xml,
    /// YAML
    Yaml,
    /// Prometheus' text format
    Prometheus,
}

/// How several endpoints' answers become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aggregation {
    /// Their average.
    #[default]
    Average,
    /// Their sum.
    Sum,
    /// The largest.
    Max,
    /// The smallest.
    Min,
}

const FORMATS: [(&str, Format); 4] =
    [("json", Format::Json), ("xml", Format::Xml), ("yaml", Format::Yaml), ("prometheus", Format::Prometheus)];

const AGGREGATIONS: [(&str, Aggregation); 4] = [
    ("average", Aggregation::Average),
    ("sum", Aggregation::Sum),
    ("max", Aggregation::Max),
    ("min", Aggregation::Min),
];

impl MetricsApi {
    pub(super) fn read(parameters: &mut Parameters<'_>) -> Option<MetricsApi> {
        let url = parameters.needed_unseen(anywhere("url"), |text| Endpoint::read(text, &["http", "https"]));
        let format = parameters.choice(plain("format"), &FORMATS).unwrap_or_default();
        let known =
            |text: &str| Place::new(format, text).map(|_| text.to_owned()).map_err(|problem| problem.to_string());
        let value_location = parameters.needed(plain("valueLocation"), known);
        let target = parameters.needed(plain("targetValue"), positive);
        let aggregation = parameters.choice(plain("aggregationType"), &AGGREGATIONS);
        let aggregated = parameters.switch(plain("aggregateFromKubeServiceEndpoints"));
        if aggregation.is_some() && !aggregated {
            parameters.warn("aggregationType", "has no effect without aggregateFromKubeServiceEndpoints: \"true\"");
        }
        Some(MetricsApi {
            format,
            activation: parameters.float(plain("activationTargetValue")).unwrap_or(0.0),
            endpoints: aggregated.then(|| aggregation.unwrap_or_default()),
            http: Http::read(
                parameters,
                anywhere("authMode").instead(&["authModes"]),
                &["apiKey", "basic", "bearer", "tls"],
            ),
            url: url?,
            value_location: value_location?,
            target: target?,
        })
    }
}
