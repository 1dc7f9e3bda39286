//! A group's offsets and those of the partitions, from the brokers that have them.

use std::collections::{BTreeMap, HashMap};

use autoscaler::triggers::measure::kafka::Offsets;
use autoscaler::triggers::metadata::Kafka as Trigger;
use futures_util::future::try_join_all;

use super::broker::Broker;
use super::messages::{At, Cluster, End, FindCoordinator, ListOffsets, Metadata, OffsetFetch, Partitions};
use super::{Client, Trouble, all_well};

/// What was seen at one look, by topic and partition.
pub(super) type Seen = BTreeMap<(String, i32), Offsets>;

/// Which offsets: a group's in some topic, or in all that it has offsets of.
pub(super) struct Which<'a> {
    pub(super) group: &'a str,
    pub(super) topic: Option<&'a str>,
    pub(super) limit: Option<&'a [i32]>,
}

impl Which<'_> {
    pub(super) fn of(trigger: &Trigger) -> Which<'_> {
        Which { group: &trigger.group, topic: trigger.topic.as_deref(), limit: trigger.partitions.as_deref() }
    }
}

impl Client {
    /// The offsets of all partitions that count.
    pub(super) async fn offsets(&self, which: &Which<'_>) -> Result<Seen, Trouble> {
        let (committed, cluster) = match which.topic {
            Some(topic) => {
                let cluster = self.cluster(&[topic.to_owned()]).await?;
                let of = partitions(&cluster, which.limit)?;
                (self.committed(which.group, Some(&of)).await?, cluster)
            }
            None => {
                let committed = self.committed(which.group, None).await?;
                let mut topics: Vec<String> = committed.iter().map(|at| at.topic.clone()).collect();
                topics.sort();
                topics.dedup();
                if topics.is_empty() {
                    return Ok(Seen::new()); // no topics would mean all
                }
                (committed, self.cluster(&topics).await?)
            }
        };
        let (earliest, latest) = tokio::try_join!(
            self.ends(&cluster, which.limit, End::Earliest),
            self.ends(&cluster, which.limit, End::Latest)
        )?;
        let (committed, earliest, latest) = (by_partition(committed), by_partition(earliest), by_partition(latest));
        let mut seen = Seen::new();
        for of in partitions(&cluster, which.limit)? {
            for partition in of.partitions {
                let at = (of.topic.clone(), partition);
                let offsets = Offsets {
                    committed: committed.get(&at).copied().filter(|offset| *offset >= 0),
                    earliest: earliest.get(&at).copied().unwrap_or(0),
                    latest: latest.get(&at).copied(),
                };
                seen.insert(at, offsets);
            }
        }
        Ok(seen)
    }

    /// The `topics`, and who leads their partitions.
    async fn cluster(&self, topics: &[String]) -> Result<Cluster, Trouble> {
        let cluster = self.ask_any(&Metadata { topics }).await?;
        for topic in &cluster.topics {
            all_well(topic.error).map_err(|why| Trouble::Question(format!("topic {}: {why}", topic.name)))?;
            for partition in &topic.partitions {
                // 9: a replica is away, which is none of ours.
                let error = if partition.error == 9 { 0 } else { partition.error };
                all_well(error).map_err(|why| {
                    Trouble::Question(format!("partition {} of topic {}: {why}", partition.number, topic.name))
                })?;
            }
        }
        if cluster.topics.is_empty() {
            return Err(Trouble::Question("the broker does not say what partitions there are".to_owned()));
        }
        Ok(cluster)
    }

    /// What `group` has committed.
    async fn committed(&self, group: &str, of: Option<&[Partitions]>) -> Result<Vec<At>, Trouble> {
        let (error, address) = self.ask_any(&FindCoordinator { group }).await?;
        let failed = |why: String| Trouble::Question(format!("consumerGroup {group}: {why}"));
        all_well(error).map_err(failed)?;
        let broker = self.broker(&address)?;
        let (error, all) = broker.ask(&OffsetFetch { group, of }).await?;
        all_well(error).map_err(failed)?;
        well(all)
    }

    /// Where the partitions begin or end: each leader knows of its own.
    async fn ends(&self, cluster: &Cluster, limit: Option<&[i32]>, end: End) -> Result<Vec<At>, Trouble> {
        let mut by_leader: HashMap<i32, Vec<Partitions>> = HashMap::new();
        for topic in &cluster.topics {
            for partition in topic.partitions.iter().filter(|partition| counts(limit, partition.number)) {
                let of = by_leader.entry(partition.leader).or_default();
                match of.last_mut().filter(|last| last.topic == topic.name) {
                    Some(last) => last.partitions.push(partition.number),
                    None => of.push(Partitions { topic: topic.name.clone(), partitions: vec![partition.number] }),
                }
            }
        }
        let asked = by_leader.iter().map(async |(leader, of)| {
            let address = cluster.brokers.iter().find(|address| address.broker == *leader);
            let address = address.ok_or_else(|| Trouble::Question(format!("{}: no broker leads it", of[0].topic)))?;
            let broker: std::sync::Arc<Broker> = self.broker(address)?;
            well(broker.ask(&ListOffsets { of, end }).await?)
        });
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }
}

fn counts(limit: Option<&[i32]>, partition: i32) -> bool {
    limit.is_none_or(|limit| limit.contains(&partition))
}

fn partitions(cluster: &Cluster, limit: Option<&[i32]>) -> Result<Vec<Partitions>, Trouble> {
    let of = cluster.topics.iter().map(|topic| Partitions {
        topic: topic.name.clone(),
        partitions: topic.partitions.iter().map(|it| it.number).filter(|it| counts(limit, *it)).collect(),
    });
    let of: Vec<Partitions> = of.filter(|of| !of.partitions.is_empty()).collect();
    if of.is_empty() {
        return Err(Trouble::Question("the topic has none of the partitions in partitionLimitation".to_owned()));
    }
    Ok(of)
}

/// One bad partition spoils the sum.
fn well(all: Vec<At>) -> Result<Vec<At>, Trouble> {
    for at in &all {
        all_well(at.error)
            .map_err(|why| Trouble::Question(format!("partition {} of topic {}: {why}", at.partition, at.topic)))?;
    }
    Ok(all)
}

fn by_partition(all: Vec<At>) -> HashMap<(String, i32), i64> {
    all.into_iter().map(|at| ((at.topic, at.partition), at.offset)).collect()
}
