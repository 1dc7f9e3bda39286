//! RabbitMQ's modes, regular expressions and virtual hosts.

use autoscaler::triggers::measure::rabbitmq::{self, Queue, Vhost};
use autoscaler::triggers::metadata::{Mode, Operation};
use autoscaler::triggers::{Milli, Reading};
use serde::Deserialize;

use super::Outcome;
use crate::same;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModeIn {
    mode: String,
    activation_value: f64,
    messages: u64,
    publish_rate: f64,
    deliver_get_rate: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Measured {
    pub(super) metric_milli: String,
    pub(super) active: bool,
}

impl Measured {
    pub(super) fn is(&self, reading: &Reading) {
        let Reading::Value { metric, active } = *reading else { panic!("{reading:?}") };
        assert_eq!(
            (Milli::rounded(metric).thousandths().to_string(), active),
            (self.metric_milli.clone(), self.active)
        );
    }
}

pub(super) fn mode(vector: &ModeIn, out: &Measured) -> Outcome {
    let mode = match vector.mode.as_str() {
        "QueueLength" => Mode::QueueLength,
        "MessageRate" => Mode::MessageRate,
        "DeliverGetRate" => Mode::DeliverGetRate,
        "PublishedToDeliveredRatio" => Mode::PublishedToDeliveredRatio,
        "ExpectedQueueConsumptionTime" => Mode::ExpectedQueueConsumptionTime,
        other => panic!("mode {other}"),
    };
    let queue = Queue {
        messages: vector.messages,
        ready: vector.messages,
        published: vector.publish_rate,
        delivered: vector.deliver_get_rate,
    };
    out.is(&mode.reading(queue, vector.activation_value));
    Outcome::Same
}

#[derive(Deserialize)]
pub(super) struct ComposeIn {
    op: String,
    queues: Vec<Numbers>,
}

#[derive(Deserialize)]
pub(super) struct Numbers {
    m: u64,
    r: u64,
    #[serde(rename = "pub")]
    published: f64,
    #[serde(rename = "del")]
    delivered: f64,
}

pub(super) fn compose(vector: &ComposeIn, out: &Option<Numbers>) -> Outcome {
    let operation = match vector.op.as_str() {
        "sum" => Operation::Sum,
        "avg" => Operation::Avg,
        "max" => Operation::Max,
        _ => {
            // The type has no other: metadata refuses it.
            assert!(out.is_none());
            return Outcome::Same;
        }
    };
    let queue = |numbers: &Numbers| Queue {
        messages: numbers.m,
        ready: numbers.r,
        published: numbers.published,
        delivered: numbers.delivered,
    };
    let ours = operation.together(&vector.queues.iter().map(queue).collect::<Vec<_>>());
    let theirs = out.as_ref().map(queue).expect("a readable vector");
    assert_eq!((ours.messages, ours.ready), (theirs.messages, theirs.ready));
    assert!(same(ours.published, theirs.published) && same(ours.delivered, theirs.delivered), "{ours:?}");
    Outcome::Same
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VhostIn {
    path: String,
    vhost_name: String,
}

#[derive(Deserialize)]
pub(super) struct VhostOut {
    vhost: String,
    path: String,
}

pub(super) fn vhost(vector: &VhostIn, out: &VhostOut) -> Outcome {
    let ours = rabbitmq::vhost(&vector.path, &vector.vhost_name);
    assert_eq!(ours, Vhost { vhost: out.vhost.clone(), path: out.path.clone() });
    Outcome::Same
}
