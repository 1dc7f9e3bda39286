//! `prometheus`

use config::keda::Secret;

use super::parameters::{Name, Parameters, plain, positive};
use super::{Endpoint, Http, Nulls, text};

/// A query of a Prometheus server.
#[derive(Clone, Debug, PartialEq)]
pub struct Prometheus {
    /// `serverAddress`, which may have a path.
    pub server: Endpoint,
    /// `query`, which has to give one number.
    pub query: String,
    /// `threshold`: what one pod should carry; more than 0.
    pub target: f64,
    /// `activationThreshold` (0).
    pub activation: f64,
    /// `namespace`, for servers that want one.
    pub namespace: Option<String>,
    /// `customHeaders`: more headers.
    pub headers: Vec<(String, Secret)>,
    /// `queryParameters`: more of the query of the URL.
    pub parameters: Vec<(String, String)>,
    /// `ignoreNullValues`.
    pub nulls: Nulls,
    /// `rangeWindow`: a range instead of an instant. (Rouse's own.)
    pub range: Option<Range>,
    /// How the server is asked.
    pub http: Http,
}

/// A query over a span of time that becomes one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// `rangeWindow`, in seconds: how far it reaches back; at least a step.
    pub seconds: u32,
    /// `rangeStep`, in seconds (15): how far its samples lie apart; not so near that there were more than 11,000 of
    /// them, which Prometheus refuses.
    pub step: u32,
    /// `rangeAggregation` (avg).
    pub smoothing: Smoothing,
}

/// How the samples of a range become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Smoothing {
    /// Their average.
    Average,
    /// The largest.
    Max,
}

/// What Prometheus gives at most of one range.
const SAMPLES: u32 = 11_000;

/// What a tutorial calls the server, as a parameter and as a variable of the container.
const ENVIRONMENT: &str = "PROMETHEUS_SERVER";

impl Prometheus {
    pub(super) fn read(parameters: &mut Parameters<'_>) -> Option<Prometheus> {
        let server = server(parameters);
        let query = parameters.needed_text(plain("query"));
        let target = parameters.needed(plain("threshold"), positive);
        let pairs = |parameters: &mut Parameters<'_>, name| parameters.parsed_unseen(plain(name), text::pairs);
        let headers = pairs(parameters, "customHeaders").unwrap_or_default();
        let more = pairs(parameters, "queryParameters").unwrap_or_default();
        let prometheus = Prometheus {
            activation: parameters.float(plain("activationThreshold")).unwrap_or(0.0),
            namespace: parameters.text(plain("namespace")),
            headers: headers.into_iter().map(|(name, value)| (name, Secret::new(value))).collect(),
            parameters: more,
            nulls: Nulls::read(parameters),
            range: Range::read(parameters),
            http: Http::read(
                parameters,
                plain("authModes").instead(&["authMode"]),
                &["basic", "bearer", "tls", "custom"],
            ),
            server: server?,
            query: query?,
            target: target?,
        };
        Some(prometheus)
    }
}

fn server(parameters: &mut Parameters<'_>) -> Option<Endpoint> {
    const SERVER: Name = plain("serverAddress").instead(&[ENVIRONMENT]);
    let url = |text: &str| Endpoint::read(text, &["http", "https"]);
    if !parameters.has(SERVER)
        && let Some(variable) = parameters.variable(ENVIRONMENT)
    {
        parameters.warn("serverAddress", format!("is missing, and taken of the variable {ENVIRONMENT}: write it here"));
        return url(variable.expose().trim()).map_err(|refused| parameters.refuse("serverAddress", refused)).ok();
    }
    parameters.needed_unseen(SERVER, url)
}

impl Range {
    fn read(parameters: &mut Parameters<'_>) -> Option<Range> {
        let window = parameters.parsed(plain("rangeWindow"), seconds);
        let step = parameters.parsed(plain("rangeStep"), seconds);
        let words = [("avg", Smoothing::Average), ("max", Smoothing::Max)];
        let smoothing = parameters.choice(plain("rangeAggregation"), &words);
        let Some(seconds) = window else {
            for (name, given) in [("rangeStep", step.is_some()), ("rangeAggregation", smoothing.is_some())] {
                if given {
                    parameters.refuse(name, "needs rangeWindow");
                }
            }
            return None;
        };
        let step = step.unwrap_or(15);
        if step > seconds || seconds / step > SAMPLES {
            let message = format!("is {seconds} s with a step of {step} s: there must be 1 to {SAMPLES} steps in it");
            parameters.refuse("rangeWindow", message);
        }
        Some(Range { seconds, step, smoothing: smoothing.unwrap_or(Smoothing::Average) })
    }
}

/// A duration of whole seconds, at least one.
fn seconds(text: &str) -> Result<u32, String> {
    let duration = text::duration(text)?;
    let seconds = u32::try_from(duration.as_secs()).ok().filter(|seconds| *seconds > 0 && duration.subsec_nanos() == 0);
    seconds.ok_or_else(|| "is out of range: it must be whole seconds, at least 1s".to_owned())
}
