//! What `rouse explain` tells of a ScaledJob.

use std::fmt::Write;

use config::WorkloadId;
use serde_json::Value;

use super::{list, number, text, trigger};

/// As what kind it is asked for: `shop/ScaledJob/report`.
const KIND: &str = "ScaledJob";

/// The ids of all ScaledJobs of which `answer` tells.
pub(super) fn ids(answer: &Value) -> Vec<String> {
    let objects = list(&answer["scaled_jobs"]).filter_map(|job| job["object"].as_str());
    objects.filter_map(id).collect()
}

/// The one with this id.
pub(super) fn of<'a>(answer: &'a Value, wanted: &str) -> Option<&'a Value> {
    list(&answer["scaled_jobs"]).find(|job| job["object"].as_str().and_then(id).is_some_and(|id| id == wanted))
}

/// `ScaledJob shop/report` as an id.
fn id(object: &str) -> Option<String> {
    let (namespace, name) = object.strip_prefix(KIND)?.trim_start().split_once('/')?;
    Some(WorkloadId::new(namespace, KIND, name).to_string())
}

/// What is told of one. Jobs that ended well are counted only.
pub(super) fn explanation(job: &Value) -> String {
    let mut out = String::new();
    let mut line = |what: &str, is: String| writeln!(out, "{what:<12}{is}").expect("a String takes any text");
    let (decided, is) = (&job["decided"], |state: &str| list(&job["jobs"]).filter(|one| one["state"] == state).count());
    line("object", text(&job["object"]));
    let state = match (job["paused"] == true, decided.is_null(), job["active"] == true) {
        (true, ..) => "paused",
        (false, true, _) => "its triggers were not read yet",
        (false, false, true) => "active",
        (false, false, false) => "idle",
    };
    line("state", state.to_owned());
    line("strategy", text(&job["strategy"]));
    line(
        "jobs",
        format!(
            "{} running, {} pending, {} complete, {} failed",
            is("running"),
            is("pending"),
            is("complete"),
            is("failed")
        ),
    );
    if !decided.is_null() {
        line("wanted", format!("{} more: {}", text(&decided["wanted"]), text(&decided["because"])));
    }
    list(&job["triggers"]).for_each(|told| line("trigger", trigger(told)));
    for one in list(&job["jobs"]).filter(|one| one["state"] != "complete") {
        let (name, state, seconds) = (text(&one["name"]), text(&one["state"]), number(&one["seconds"]));
        let why = one["failure"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
        line("job", format!("{name} {state}, {seconds} s{why}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_is_found_by_its_id_and_told_with_what_came_of_its_triggers() {
        let one = |name: &str, state: &str, failure: Option<&str>| json!({ "name": name, "state": state, "seconds": 2.5, "failure": failure });
        let answer = json!({ "scaled_jobs": [{
            "object": "ScaledJob shop/report", "paused": false, "strategy": "accurate", "active": true,
            "triggers": [{ "name": "redis", "value": 3.0, "active": true, "error": null }],
            "decided": { "running": 1, "pending": 1, "wanted": 2, "because": "3 waiting, for 3 Jobs" },
            "jobs": [one("a", "pending", None), one("b", "complete", None), one("c", "failed", Some("too often"))],
        }] });
        assert_eq!(ids(&answer), ["shop/ScaledJob/report"]);
        assert!(of(&answer, "shop/ScaledJob/other").is_none());
        let told = explanation(of(&answer, "shop/ScaledJob/report").expect("it is there"));
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(
            lines,
            [
                "object      ScaledJob shop/report",
                "state       active",
                "strategy    accurate",
                "jobs        0 running, 1 pending, 1 complete, 1 failed",
                "wanted      2 more: 3 waiting, for 3 Jobs",
                "trigger     redis: 3, active",
                "job         a pending, 2.5 s",
                "job         c failed, 2.5 s: too often",
            ]
        );
    }
}
