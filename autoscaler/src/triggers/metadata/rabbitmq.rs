//! `rabbitmq`

use config::keda::Secret;

use super::parameters::{Parameters, anywhere, at_least, hidden, plain, positive};
use super::{Endpoint, Tls, http};

/// A queue of RabbitMQ, or all whose names match.
#[derive(Clone, Debug, PartialEq)]
pub struct Rabbitmq {
    /// `host`: a URI, whose last segment is the virtual host.
    pub host: Endpoint,
    /// `protocol`: how it is asked.
    pub protocol: Protocol,
    /// `queueName`: a name, or by `useRegex` a regular expression.
    pub queue: String,
    /// `vhostName`: the virtual host, over that of the URI.
    pub vhost: Option<String>,
    /// `mode` (QueueLength).
    pub mode: Mode,
    /// `value`: what one pod should carry; more than 0.
    pub target: f64,
    /// `activationValue` (0).
    pub activation: f64,
    /// `useRegex`: how all queues that match are put together (`operation`), and how many are asked for (`pageSize`).
    pub regex: Option<(Operation, u64)>,
    /// `excludeUnacknowledged` (false): whether messages that are being worked on do not count.
    pub ready_only: bool,
    /// `timeout` (3 s), over HTTP.
    pub timeout: std::time::Duration,
    /// `tls: enable`, and its certificates.
    pub tls: Option<Tls>,
    /// `username` and `password`, over those of the URI.
    pub login: Option<(Secret, Secret)>,
}

/// How RabbitMQ is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// AMQP 0-9-1: knows only how many messages are ready.
    Amqp,
    /// The management plugin's API.
    Http,
}

/// What is measured of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Messages.
    QueueLength,
    /// Messages published a second.
    MessageRate,
    /// Messages delivered a second.
    DeliverGetRate,
    /// What is published over what is delivered.
    PublishedToDeliveredRatio,
    /// How long the queue takes to be consumed, in seconds.
    ExpectedQueueConsumptionTime,
}

/// How several queues become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Operation {
    /// They are added up.
    #[default]
    Sum,
    /// They are averaged.
    Avg,
    /// The largest counts.
    Max,
}

const MODES: [(&str, Mode); 5] = [
    ("QueueLength", Mode::QueueLength),
    ("MessageRate", Mode::MessageRate),
    ("DeliverGetRate", Mode::DeliverGetRate),
    ("PublishedToDeliveredRatio", Mode::PublishedToDeliveredRatio),
    ("ExpectedQueueConsumptionTime", Mode::ExpectedQueueConsumptionTime),
];

/// KEDA's default where neither `value` nor `queueLength` is written.
const QUEUE_LENGTH: f64 = 20.0;

/// KEDA's default of `pageSize`.
const PAGE: u64 = 100;

impl Rabbitmq {
    pub(super) fn read(parameters: &mut Parameters<'_>) -> Option<Rabbitmq> {
        let schemes = ["amqp", "amqps", "http", "https"];
        let host = parameters.needed_unseen(anywhere("host"), |text| Endpoint::read(text, &schemes));
        let queue = parameters.needed_text(plain("queueName"));
        let protocol = host.as_ref().and_then(|host| protocol(host, parameters));
        let (mode, target) = aim(parameters);
        let tls = tls(parameters);
        let rabbitmq = Rabbitmq {
            vhost: parameters.text(anywhere("vhostName")),
            activation: parameters.float(plain("activationValue")).unwrap_or(0.0),
            regex: regex(parameters),
            ready_only: parameters.switch(plain("excludeUnacknowledged")),
            timeout: http::timeout(parameters),
            login: login(parameters),
            mode,
            target,
            tls,
            host: host?,
            protocol: protocol?,
            queue: queue?,
        };
        if rabbitmq.protocol == Protocol::Amqp {
            rabbitmq.refuse_what_amqp_has_not(parameters);
        }
        Some(rabbitmq)
    }

    fn refuse_what_amqp_has_not(&self, parameters: &mut Parameters<'_>) {
        let message = "needs the protocol http: over AMQP there is only the number of ready messages";
        let is_rate = self.mode != Mode::QueueLength;
        for (name, given) in [("mode", is_rate), ("useRegex", self.regex.is_some())] {
            if given {
                parameters.refuse(name, message);
            }
        }
        if self.ready_only {
            parameters.warn("excludeUnacknowledged", "has no effect: over AMQP only ready messages are counted");
        }
    }
}

/// `protocol`, which may be left to the URI, and must not be another than it says.
fn protocol(host: &Endpoint, parameters: &mut Parameters<'_>) -> Option<Protocol> {
    let of_host = if host.scheme().starts_with("http") { Protocol::Http } else { Protocol::Amqp };
    let words = [("auto", None), ("amqp", Some(Protocol::Amqp)), ("http", Some(Protocol::Http))];
    let asked = parameters.choice(anywhere("protocol"), &words).flatten();
    if asked.is_some_and(|asked| asked != of_host) {
        parameters.refuse("protocol", format!("is another than that of host, which begins with {}://", host.scheme()));
    }
    Some(of_host)
}

/// `mode` and `value`, or the older `queueLength`.
fn aim(parameters: &mut Parameters<'_>) -> (Mode, f64) {
    let mode = parameters.choice(plain("mode"), &MODES);
    let (has_mode, has_value) = (parameters.has(plain("mode")), parameters.has(anywhere("value")));
    let value = parameters.parsed(anywhere("value"), positive);
    if let Some(length) = parameters.parsed(plain("queueLength"), positive) {
        if has_mode || has_value {
            parameters.refuse("queueLength", "is an older way to write mode and value, which are given as well");
        } else {
            parameters.warn("queueLength", "is deprecated: write mode: QueueLength and value");
        }
        return (Mode::QueueLength, length);
    }
    match (has_mode, has_value) {
        (true, false) => parameters.refuse("value", "is missing: mode needs it"),
        (false, true) => parameters.refuse("mode", "is missing: value needs it; write QueueLength for messages"),
        _ => {}
    }
    (mode.unwrap_or(Mode::QueueLength), value.unwrap_or(QUEUE_LENGTH))
}

fn regex(parameters: &mut Parameters<'_>) -> Option<(Operation, u64)> {
    let words = [("sum", Operation::Sum), ("avg", Operation::Avg), ("max", Operation::Max)];
    let operation = parameters.choice(plain("operation"), &words).unwrap_or_default();
    let page = parameters.parsed(plain("pageSize"), at_least(1)).unwrap_or(PAGE);
    parameters.switch(plain("useRegex")).then_some((operation, page))
}

fn tls(parameters: &mut Parameters<'_>) -> Option<Tls> {
    if parameters.has(anywhere("workloadIdentityResource")) {
        parameters.refuse("workloadIdentityResource", "is not served: write username and password");
    }
    let enabled = parameters.choice(anywhere("tls"), &[("enable", true), ("disable", false)]).unwrap_or(false);
    let tls = Tls::read(parameters);
    enabled.then_some(tls)
}

fn login(parameters: &mut Parameters<'_>) -> Option<(Secret, Secret)> {
    let (username, password) = (parameters.secret(anywhere("username")), parameters.secret(hidden("password")));
    match (username, password) {
        (Some(username), Some(password)) => Some((username, password)),
        (None, None) => None,
        (Some(_), None) => {
            parameters.refuse("password", "is missing: username needs it");
            None
        }
        (None, Some(_)) => {
            parameters.refuse("username", "is missing: password needs it");
            None
        }
    }
}
