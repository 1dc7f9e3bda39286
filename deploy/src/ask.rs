//! `rouse status` and `rouse explain`: ask a running instance what it does and why.

mod instance;
mod jobs;
mod options;

use std::fmt::Write;

use anyhow::bail;
use config::WorkloadId;
use serde_json::Value;

pub use instance::Instance;
pub use options::{AskOptions, Output};

/// A line for each workload of the instance.
///
/// # Errors
/// When no instance answers there.
pub async fn status(instance: &Instance, output: Output) -> anyhow::Result<String> {
    let answer = instance.get("/v1/workloads").await?;
    Ok(match output {
        Output::Json => format!("{answer:#}\n"),
        Output::Table => status_table(&answer),
    })
}

/// Why `workload` has the pods it has; of a ScaledJob, why it has the Jobs it has.
///
/// # Errors
/// When no instance answers there, or it has no such workload or ScaledJob; the message names those it has.
pub async fn explain(instance: &Instance, workload: &WorkloadId, output: Output) -> anyhow::Result<String> {
    let all = instance.get("/v1/workloads").await?;
    let known: Vec<&str> = list(&all["workloads"]).filter_map(|line| line["workload"].as_str()).collect();
    let Some(id) = find(&known, workload) else {
        // One that knows of none does not say so either.
        let jobs = instance.get("/v1/jobs").await.unwrap_or_default();
        return explain_job(&known, &jobs, workload, output);
    };
    let answer = instance.get(&format!("/v1/workloads/{id}")).await?;
    Ok(match output {
        Output::Json => format!("{answer:#}\n"),
        Output::Table => explanation(&answer),
    })
}

/// The same of a ScaledJob, as `/v1/jobs` answers, where none of the workloads is meant, which are `known`.
fn explain_job(known: &[&str], answer: &Value, wanted: &WorkloadId, output: Output) -> anyhow::Result<String> {
    let ids = jobs::ids(answer);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let Some(job) = find(&ids, wanted).and_then(|id| jobs::of(answer, id)) else {
        let all = [known, &ids].concat();
        bail!("no workload {wanted}; there is {}", if all.is_empty() { "none".to_owned() } else { all.join(", ") });
    };
    Ok(match output {
        Output::Json => format!("{job:#}\n"),
        Output::Table => jobs::explanation(job),
    })
}

/// The id that is meant: exact, or the only one of that namespace and name if its kind was left out.
fn find<'a>(known: &[&'a str], wanted: &WorkloadId) -> Option<&'a str> {
    let exact = wanted.to_string();
    known.iter().copied().find(|id| *id == exact).or_else(|| {
        let mut alike = known.iter().copied().filter(|id| {
            id.parse::<WorkloadId>().is_ok_and(|id| id.namespace() == wanted.namespace() && id.name() == wanted.name())
        });
        alike.next().filter(|_| wanted.kind() == WorkloadId::DEFAULT_KIND && alike.next().is_none())
    })
}

fn status_table(answer: &Value) -> String {
    let mut rows =
        vec![["WORKLOAD", "STATE", "PODS", "STARTING", "DRAINING", "OPEN", "ROUTE", "REASON"].map(String::from)];
    for line in list(&answer["workloads"]) {
        rows.push([
            text(&line["workload"]),
            text(&line["state"]),
            format!("{}/{}", text(&line["pods"]["ready"]), text(&line["asked"])),
            text(&line["pods"]["starting"]),
            text(&line["pods"]["draining"]),
            text(&line["open"]),
            text(&line["route"]),
            text(&line["failure"]),
        ]);
    }
    table(&rows)
}

fn explanation(answer: &Value) -> String {
    let mut out = String::new();
    let load = &answer["load"];
    let mut line = |what: &str, is: String| writeln!(out, "{what:<12}{is}").expect("a String takes any text");
    line("workload", text(&answer["workload"]));
    line("state", format!("{}: {}", text(&answer["to_zero"]["state"]), text(&answer["to_zero"]["because"])));
    line(
        "pods",
        format!(
            "{} asked; {} ready, {} starting, {} draining",
            text(&answer["asked"]),
            text(&answer["pods"]["ready"]),
            text(&answer["pods"]["starting"]),
            text(&answer["pods"]["draining"]),
        ),
    );
    line(
        "load",
        format!(
            "{} {} stable, {} panic{}; target {} a pod; {} open, {} held",
            text(&load["metric"]),
            number(&load["stable"]),
            number(&load["panic"]),
            if answer["panicking"] == true { " (in panic)" } else { "" },
            number(&answer["policy"]["target"]),
            text(&load["open"]),
            text(&answer["held"]),
        ),
    );
    latencies(&answer["latency"]).for_each(|told| line("latency", told));
    line("route", format!("{}; excess burst capacity {}", text(&answer["route"]), text(&answer["excess_burst"])));
    if !answer["failure"].is_null() {
        line("failure", format!("{}: {}", text(&answer["failure"]["reason"]), text(&answer["failure"]["detail"])));
    }
    for pod in list(&answer["running"]) {
        let at = text(&pod["address"]);
        line(
            "pod",
            format!("{} {} at {at}, {} in flight", text(&pod["id"]), text(&pod["state"]), text(&pod["in_flight"])),
        );
    }
    for woken in list(&answer["wakes"]) {
        line("wake", wake(woken));
    }
    triggers(&answer["triggers"]).into_iter().for_each(|told| line("trigger", told));
    for decided in list(&answer["decisions"]) {
        let decision = &decided["decision"];
        let wanted = text(&decision["desired"]);
        line(
            "decision",
            format!("{} s ago, {} times: {wanted} pods", number(&decided["seconds_ago"]), text(&decided["times"])),
        );
        for reason in list(&decision["reasons"]) {
            line("", format!("  {}: {}", text(&reason["rule"]), text(&reason["because"])));
        }
    }
    out
}

/// What triggers say, where there are any, and what came of it.
fn triggers(told: &Value) -> Vec<String> {
    let each = list(&told["triggers"]).map(trigger);
    let reasons =
        list(&told["reasons"]).map(|reason| format!("  {}: {}", text(&reason["rule"]), text(&reason["because"])));
    let asked = told["object"].as_str().map(|object| {
        let fallback = if told["fallback"] == true { ", by a fallback" } else { "" };
        format!("{object} asks for {} pods{fallback}; {}", text(&told["desired"]), text(&told["active"][1]))
    });
    asked.into_iter().chain(each).chain(reasons).collect()
}

/// What one trigger says.
fn trigger(told: &Value) -> String {
    let is = match (&told["value"], &told["error"]) {
        (Value::Null, Value::Null) => "no data".to_owned(),
        (Value::Null, error) => format!("failed: {}", text(error)),
        (value, _) => number(value),
    };
    let active = if told["active"] == true { ", active" } else { "" };
    format!("{}: {is}{active}", text(&told["name"]))
}

/// How long requests took, where there were any.
fn latencies(latency: &Value) -> impl Iterator<Item = String> {
    let told = [("answered", &latency["answered"]), ("held", &latency["held"])].into_iter();
    told.filter(|(_, took)| !took.is_null()).map(|(what, took)| {
        let [p50, p90, p99] = ["p50_seconds", "p90_seconds", "p99_seconds"].map(|name| milliseconds(&took[name]));
        format!("{} {what} of late: p50 {p50}, p90 {p90}, p99 {p99} ms", text(&took["requests"]))
    })
}

fn wake(woken: &Value) -> String {
    let phases: Vec<String> = list(&woken["phases"])
        .map(|phase| format!("{} {} ms", text(&phase["phase"]), milliseconds(&phase["seconds"])))
        .collect();
    let (ago, took) = (number(&woken["seconds_ago"]), milliseconds(&woken["seconds"]));
    format!("{ago} s ago, {} waited, {took} ms: {}", text(&woken["requests"]), phases.join(", "))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A JSON scalar as a word; what is missing is a dash.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn milliseconds(seconds: &Value) -> String {
    seconds.as_f64().map_or_else(|| text(seconds), |seconds| format!("{:.1}", seconds * 1e3))
}

/// A number with at most two digits behind the point.
fn number(value: &Value) -> String {
    value.as_f64().map_or_else(|| text(value), |number| ((number * 100.0).round() / 100.0).to_string())
}

/// Columns as wide as their widest cell.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_may_be_left_out_while_the_name_is_clear() {
        let known = ["default/Service/greeter", "default/Deployment/hello", "default/StatefulSet/hello"];
        let find = |text: &str| find(&known, &text.parse().unwrap());
        assert_eq!(find("greeter"), Some("default/Service/greeter"));
        assert_eq!(find("hello"), Some("default/Deployment/hello"), "an exact name wins");
        assert_eq!(find("default/StatefulSet/hello"), Some("default/StatefulSet/hello"));
        assert_eq!(find("other/greeter"), None);
    }

    #[test]
    fn how_long_requests_took_is_told_where_there_were_any() {
        let took = serde_json::json!({ "requests": 7, "p50_seconds": 0.0125, "p90_seconds": 0.1, "p99_seconds": 2.5 });
        let told = explanation(&serde_json::json!({ "latency": { "answered": took, "held": null } }));
        let lines: Vec<_> = told.lines().filter(|line| line.starts_with("latency")).collect();
        assert_eq!(lines, ["latency     7 answered of late: p50 12.5, p90 100.0, p99 2500.0 ms"]);
    }

    #[test]
    fn triggers_are_told_with_what_came_of_them() {
        let told = explanation(&serde_json::json!({ "triggers": {
            "object": "ScaledObject default/worker", "desired": 1, "fallback": false, "active": ["True", "ScalerActive"],
            "triggers": [
                { "name": "redis", "value": 6.0, "active": true, "error": null },
                { "name": "cron", "value": null, "active": false, "error": null },
                { "name": "kafka", "value": null, "active": false, "error": "no answer in time" },
            ],
            "reasons": [{ "rule": "wake", "pods": 1, "because": "a trigger is active" }],
        } }));
        let lines: Vec<_> = told.lines().filter_map(|line| line.strip_prefix("trigger     ")).collect();
        assert_eq!(
            lines,
            [
                "ScaledObject default/worker asks for 1 pods; ScalerActive",
                "redis: 6, active",
                "cron: no data",
                "kafka: failed: no answer in time",
                "  wake: a trigger is active",
            ]
        );
    }

    #[test]
    fn a_scaled_job_is_explained_where_no_workload_is_meant() {
        let answer = serde_json::json!({ "scaled_jobs": [{ "object": "ScaledJob shop/report", "strategy": "eager" }] });
        let explain = |wanted: &str| {
            let wanted = wanted.parse().unwrap();
            explain_job(&["shop/Deployment/hello"], &answer, &wanted, Output::Table).map_err(|error| error.to_string())
        };
        assert!(explain("shop/report").is_ok_and(|told| told.contains("strategy    eager\n")));
        assert!(explain("shop/ScaledJob/report").is_ok());
        let none = "no workload shop/Deployment/other; there is shop/Deployment/hello, shop/ScaledJob/report";
        assert_eq!(explain("shop/other"), Err(none.to_owned()));
    }

    #[test]
    fn columns_line_up() {
        let rows = [["A", "B"].map(String::from), ["long", "x"].map(String::from)];
        assert_eq!(table(&rows), "A     B\nlong  x\n");
    }
}
