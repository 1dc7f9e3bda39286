//! `cron`

use super::parameters::{Parameters, at_least, plain};
use crate::triggers::measure::cron::{Schedule, zone};

/// So many pods between two times that come again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    /// `timezone`: a name of the IANA database.
    pub timezone: String,
    /// `start`, in five fields.
    pub start: String,
    /// `end`, in five fields; another time than the start.
    pub end: String,
    /// `desiredReplicas`
    pub desired: u32,
}

impl Cron {
    pub(super) fn read(parameters: &mut Parameters<'_>) -> Option<Cron> {
        let known = |text: &str| zone(text).map(|_| text.to_owned()).map_err(|problem| problem.to_string());
        let timezone = parameters.needed(plain("timezone"), known);
        let [start, end] = ["start", "end"].map(|name| parameters.needed(plain(name), schedule));
        if start.is_some() && start == end {
            parameters.refuse("end", "is the same time as start");
        }
        let desired = parameters.needed(plain("desiredReplicas"), |text| {
            let count = at_least(0)(text)?;
            let count = u32::try_from(count).ok().filter(|count| i32::try_from(*count).is_ok());
            count.ok_or_else(|| format!("is out of range: it must be {} or less", i32::MAX))
        });
        Some(Cron { timezone: timezone?, start: start?, end: end?, desired: desired? })
    }
}

fn schedule(text: &str) -> Result<String, String> {
    text.parse::<Schedule>().map(|_| text.to_owned()).map_err(|problem| problem.to_string())
}
