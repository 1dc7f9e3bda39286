//! The bounds of what is worked out from triggers: formulas, histories, answers.

use std::time::Duration;

/// How deep parentheses, lists and calls of a `scalingModifiers.formula` may lie within each other: the parser calls
/// itself for each.
pub const FORMULA_DEPTH: usize = 64;

/// How many operators of a formula may stand in one row (`a + b + …`) or within each other: evaluating calls itself for
/// each. Four times the triggers that an object may have.
pub const FORMULA_HEIGHT: usize = 256;

/// Steps that one evaluation of a formula may take: `map` within `map` within `map` multiplies.
pub const FORMULA_STEPS: usize = 100_000;

/// Recommendations kept for a stabilization window. Only those are kept that can still be the least or the largest of
/// it: more than a few are rare, and when there are more than this the window holds for a little longer.
pub const RECOMMENDATIONS: usize = 256;

/// Changes of scale in one direction kept for the periods of `behavior`'s policies. More than one a second of the
/// longest period (1,800 s) cannot matter; those of a second are put together when there are more.
pub const SCALE_EVENTS: usize = 256;

/// Jobs that were created and not yet seen by a watch, of one ScaledJob.
pub const JOBS_EXPECTED: usize = 10_000;

/// Jobs of one ScaledJob that are gone and are still known to have been there: as many as may come and go while one
/// burst of others is created, at the writes a second that an apiserver is given.
pub const JOBS_GONE: usize = 1_024;

/// How long a Job that was created and not seen is believed in: Kubernetes' own controllers' expectations.
pub const JOB_EXPECTED_TIME: Duration = Duration::from_secs(300);

/// Elements and attributes of an XML answer: it becomes a tree in memory.
pub const XML_NODES: u32 = 100_000;

/// How deep elements of an XML answer may lie within each other: reading calls itself for each.
pub const XML_DEPTH: usize = 128;

/// Nodes of YAML that the aliases in one answer of a server may stand for.
pub const ANSWER_ALIAS_EVENTS: usize = 10_000;

/// For how many years ahead a cron expression may have no time before it counts as never: the leap day comes back
/// within eight.
pub const CRON_YEARS: i16 = 9;
