//! How many pods a ScaledObject may have: least, most, and when idle.

use crate::defaults::triggers as defaults;
use crate::node::Node;
use crate::problem::Findings;

use super::fields::COUNT;

/// The bounds of a ScaledObject's replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replicas {
    /// `idleReplicaCount`: how many while no trigger is active, less than [`Replicas::min`] (or 0 of 0); without it, `min`.
    pub idle: Option<u32>,
    /// `minReplicaCount` (0).
    pub min: u32,
    /// `maxReplicaCount` (100); at least 1.
    pub max: u32,
}

impl Default for Replicas {
    fn default() -> Replicas {
        Replicas { idle: None, min: defaults::MIN_REPLICAS, max: defaults::MAX_REPLICAS }
    }
}

impl Replicas {
    /// How many there are at least while any trigger is active: `max(1, min)`, the least that an HPA has.
    pub fn while_active(&self) -> u32 {
        self.min.max(1)
    }

    /// How many there are while none is.
    pub fn while_idle(&self) -> u32 {
        self.idle.unwrap_or(self.min)
    }

    /// Reads the three fields of `spec`.
    ///
    /// Where KEDA refuses an idle count that is not less than a least count of zero, its author wants as many pods to
    /// stay: that is what a least count says, and so it becomes one. And KEDA takes an idle count of 0 with a least
    /// count of 0 only if the latter is written; here it makes no difference.
    pub(super) fn read(spec: &Node<'_>, found: &mut Findings) -> Replicas {
        let before = found.problems.len();
        let [idle_at, min_at, max_at] =
            ["idleReplicaCount", "minReplicaCount", "maxReplicaCount"].map(|name| spec.at(name));
        let idle = idle_at.within(COUNT, found);
        let min = min_at.within(COUNT, found).unwrap_or(defaults::MIN_REPLICAS);
        let max = max_at.within(1..=*COUNT.end(), found).unwrap_or(defaults::MAX_REPLICAS);
        if found.problems.len() > before {
            return Replicas { idle: None, min, max };
        }
        if min > max {
            found.refuse(min_at.path(), format!("{min} is more than maxReplicaCount ({max})"));
        }
        match idle {
            Some(idle) if idle > 0 && min == 0 => {
                if idle > max {
                    found.refuse(idle_at.path(), format!("{idle} is more than maxReplicaCount ({max})"));
                }
                let message = format!(
                    "{idle} is not less than minReplicaCount (0), which KEDA refuses: it is read as minReplicaCount: \
                     {idle}; write that"
                );
                found.warn(idle_at.path(), message);
                Replicas { idle: None, min: idle, max }
            }
            Some(idle) if idle >= min && min > 0 => {
                let message =
                    format!("{idle} is not less than minReplicaCount ({min}): while idle there are fewer pods");
                found.refuse(idle_at.path(), message);
                Replicas { idle: None, min, max }
            }
            idle => Replicas { idle, min, max },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(spec: &Value) -> (Replicas, Findings) {
        let mut found = Findings::default();
        (Replicas::read(&Node::root(spec), &mut found), found)
    }

    #[test]
    fn without_a_word_there_are_none_to_a_hundred() {
        let (replicas, found) = read(&json!({}));
        assert_eq!((replicas, found), (Replicas { idle: None, min: 0, max: 100 }, Findings::default()));
        assert_eq!((replicas.while_idle(), replicas.while_active()), (0, 1));
    }

    #[test]
    fn fewer_may_stay_while_idle_than_while_active() {
        let (replicas, found) = read(&json!({ "idleReplicaCount": 2, "minReplicaCount": 5 }));
        assert_eq!((replicas.while_idle(), replicas.while_active()), (2, 5));
        assert_eq!(found, Findings::default());
    }

    #[test]
    fn an_idle_count_over_a_least_count_of_zero_is_a_least_count() {
        let (replicas, found) = read(&json!({ "idleReplicaCount": 1, "minReplicaCount": 0 }));
        assert_eq!(replicas, Replicas { idle: None, min: 1, max: 100 });
        assert_eq!(
            found.warnings[0].to_string(),
            "idleReplicaCount: 1 is not less than minReplicaCount (0), which KEDA refuses: it is read as \
             minReplicaCount: 1; write that"
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (spec, message) in [
            (json!({ "minReplicaCount": 101 }), "minReplicaCount: 101 is more than maxReplicaCount (100)"),
            (json!({ "maxReplicaCount": 0 }), "maxReplicaCount: 0 is not a whole number, 1 or more"),
            (json!({ "minReplicaCount": "3" }), "minReplicaCount: \"3\" is not a whole number, 0 or more"),
            (json!({ "minReplicaCount": -1 }), "minReplicaCount: -1 is not a whole number, 0 or more"),
            (
                json!({ "idleReplicaCount": 5, "minReplicaCount": 5 }),
                "idleReplicaCount: 5 is not less than minReplicaCount (5): while idle there are fewer pods",
            ),
            (
                json!({ "idleReplicaCount": 5, "maxReplicaCount": 3 }),
                "idleReplicaCount: 5 is more than maxReplicaCount (3)",
            ),
        ] {
            let lines: Vec<String> = read(&spec).1.problems.iter().map(ToString::to_string).collect();
            assert_eq!(lines, [message]);
        }
    }
}
