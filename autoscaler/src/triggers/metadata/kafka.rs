//! `kafka`

use config::bounds;

use super::parameters::{Parameters, anywhere, at_least, plain};
use super::{Sasl, Tls, text};

/// The lag of a consumer group of Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kafka {
    /// `bootstrapServers`: `host:port` of some of its brokers.
    pub servers: Vec<String>,
    /// `consumerGroup`
    pub group: String,
    /// `topic`; without it, every topic that the group has offsets of.
    pub topic: Option<String>,
    /// `partitionLimitation`: which partitions count; without it, all.
    pub partitions: Option<Vec<i32>>,
    /// `lagThreshold` (10): what one pod should lag by; at least 1.
    pub target: u64,
    /// `activationLagThreshold` (0)
    pub activation: u64,
    /// `offsetResetPolicy` (latest)
    pub offset_reset: OffsetReset,
    /// `excludePersistentLag` (false): whether a partition whose offset does not move counts for activity only.
    pub exclude_persistent: bool,
    /// `scaleToZeroOnInvalidOffset` (false): whether a partition without an offset counts nothing.
    pub zero_on_invalid_offset: bool,
    /// `allowIdleConsumers`, `limitToPartitionsWithLag`, `ensureEvenDistributionOfPartitions`: how the lag is capped.
    pub cap: Cap,
    /// `tls: enable`, and its certificates.
    pub tls: Option<Tls>,
    /// `sasl`: how one logs in.
    pub sasl: Option<Sasl>,
}

/// Where a consumer begins that has no offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OffsetReset {
    /// At what comes next.
    #[default]
    Latest,
    /// At the first that there is.
    Earliest,
}

/// How the lag is capped: there is no use for more consumers than partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cap {
    /// `allowIdleConsumers`: it is not.
    None,
    /// At one pod a partition.
    #[default]
    Partitions,
    /// `limitToPartitionsWithLag`: at one pod a partition that has lag.
    PartitionsWithLag,
    /// `ensureEvenDistributionOfPartitions`: at numbers of pods that divide the partitions.
    Even,
}

/// KEDA's default of `lagThreshold`.
const TARGET: u64 = 10;

impl Kafka {
    pub(super) fn read(parameters: &mut Parameters<'_>) -> Option<Kafka> {
        let addresses = |text: &str| text::list(text, ',').iter().map(|text| text::address(text)).collect();
        let servers = parameters.needed(anywhere("bootstrapServers"), addresses);
        let group = parameters.needed_text(anywhere("consumerGroup"));
        let topic = parameters.text(anywhere("topic"));
        let partitions = parameters.parsed(plain("partitionLimitation"), partitions);
        if partitions.is_some() && topic.is_none() {
            parameters.warn("partitionLimitation", "has no effect without topic");
        }
        if parameters.parsed(plain("fullMetadata"), text::switch) == Some(false) && topic.is_none() {
            parameters.refuse("topic", "is missing: fullMetadata: \"false\" needs it");
        }
        parameters.ask("version"); // that of the protocol is agreed upon with the server
        let enabled = parameters.choice(anywhere("tls"), &[("enable", true), ("disable", false)]).unwrap_or(false);
        let tls = Tls::read(parameters);
        let policies = [("latest", OffsetReset::Latest), ("earliest", OffsetReset::Earliest)];
        Some(Kafka {
            target: parameters.parsed(plain("lagThreshold"), at_least(1)).unwrap_or(TARGET),
            activation: parameters.parsed(plain("activationLagThreshold"), at_least(0)).unwrap_or(0),
            offset_reset: parameters.choice(plain("offsetResetPolicy"), &policies).unwrap_or_default(),
            exclude_persistent: parameters.switch(plain("excludePersistentLag")),
            zero_on_invalid_offset: parameters.switch(plain("scaleToZeroOnInvalidOffset")),
            cap: Cap::read(topic.is_some(), parameters),
            tls: enabled.then_some(tls),
            sasl: Sasl::read(parameters),
            partitions: partitions.filter(|_| topic.is_some()),
            servers: servers?,
            group: group?,
            topic,
        })
    }
}

impl Cap {
    fn read(has_topic: bool, parameters: &mut Parameters<'_>) -> Cap {
        const IDLE: &str = "allowIdleConsumers";
        const WITH_LAG: &str = "limitToPartitionsWithLag";
        const EVEN: &str = "ensureEvenDistributionOfPartitions";
        let [idle, with_lag, even] = [IDLE, WITH_LAG, EVEN].map(|name| parameters.switch(plain(name)));
        if idle && with_lag {
            parameters.refuse(WITH_LAG, format!("excludes {IDLE}"));
        }
        if with_lag && even {
            parameters.refuse(EVEN, format!("excludes {WITH_LAG}"));
        }
        for (name, given) in [(WITH_LAG, with_lag), (EVEN, even)] {
            if given && !has_topic {
                parameters.refuse("topic", format!("is missing: {name} needs it"));
            }
        }
        match (idle, with_lag, even) {
            (_, _, true) => Cap::Even, // allowed beside idle consumers, and then it counts
            (_, true, _) => Cap::PartitionsWithLag,
            (true, _, _) => Cap::None,
            _ => Cap::Partitions,
        }
    }
}

/// `1-4,8`; a range that runs backwards holds nothing, as in KEDA.
fn partitions(text: &str) -> Result<Vec<i32>, String> {
    let mut all = Vec::new();
    for part in text.split(',') {
        let number = |text: &str| text.trim().parse::<i32>().ok().filter(|number| *number >= 0);
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (Some(first), Some(last)) = (number(first), number(last)) else {
            return Err(format!("has {:?}, which is no partition and no range: write 1-4,8", part.trim()));
        };
        if i64::from(last) - i64::from(first) >= (bounds::PARTITIONS_NAMED - all.len()) as i64 {
            return Err(format!("has more than {} partitions", bounds::PARTITIONS_NAMED));
        }
        all.extend(first..=last);
    }
    Ok(all)
}
