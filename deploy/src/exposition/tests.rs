//! `METRICS.md` names what the code exports, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use activator::{Activator, HoldLimits, Wake};
use autoscaler::latency::{LatencyNow, Quantiles};
use autoscaler::{Engine, EngineSettings, Reporters, RequestsNow, StartAs};
use config::{Failure, PlatformError, Pod, PodId, PodState, Policy, Reason, Serving, Time, Workload};
use queue_proxy::link::LinkStatus;
use queue_proxy::net::Network;
use queue_proxy::{Clock, Connections, Front};

use super::keda::{JobErrors, ScalerName};
use crate::narrate::Narrator;
use crate::triggers::ScalerNow;
use crate::wakes::Wakes;

const LIST: &str = include_str!("../../METRICS.md");

/// Type and labels of a metric.
type What = (String, BTreeSet<String>);

/// The rows of the list.
fn listed() -> BTreeMap<String, What> {
    let rows = LIST.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let labels = cells[3].split(", ").filter(|label| !label.is_empty()).map(str::to_owned).collect();
        (cells[1].trim_matches('`').to_owned(), (cells[2].to_owned(), labels))
    })
    .collect()
}

/// What a page of Prometheus' text format exports.
fn exported(page: &str) -> BTreeMap<String, What> {
    let mut all: BTreeMap<String, What> = BTreeMap::new();
    let kinds = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    for (name, kind) in kinds {
        let samples = page.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let rest = ["_bucket", "_sum", "_count"].iter().find_map(|end| rest.strip_prefix(end)).unwrap_or(rest);
            rest.starts_with(['{', ' ']).then_some(rest)
        });
        let mut labels = BTreeSet::new();
        for sample in samples {
            let inside =
                sample.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(inside, _)| inside);
            labels.extend(inside.split(',').filter_map(|pair| Some(pair.split_once('=')?.0.to_owned())));
        }
        labels.remove("le");
        all.insert(name.to_owned(), (kind.to_owned(), labels));
    }
    all
}

/// Everything that can happen to a workload.
fn happen(clock: Clock) {
    let id: config::WorkloadId = "hello".parse().unwrap();
    let (policy, serving, hosts) = (Policy::default(), Serving::default(), Vec::new());
    let workload = Workload { id: id.clone(), policy, serving, hosts };
    let reason = Reason { rule: "stable-window", pods: 1, because: "1 waits".to_owned() };
    let wakes = Wakes::default();
    let mut narrator = Narrator::new(wakes.clone());
    narrator.scaled(&id, 0, 1, &reason, Time::ZERO);
    let (name, address) = (PodId::new("one"), ([127, 0, 0, 1], 1).into());
    let (state, created) = (PodState::Starting, Time::ZERO);
    narrator.pod(&Pod { id: name, workload: id.clone(), address, state, has_queue_proxy: true, created }, Time::ZERO);
    let wake = Wake {
        workload: id.clone(),
        held_at: Time::ZERO,
        released_at: Time::ZERO,
        requests: 1,
        first_byte: Arc::default(),
    };
    narrator.woke(&wake);
    wake.first_byte.set(Time::ZERO).unwrap();
    wakes.take_answered().iter().for_each(super::answered);
    narrator.failure(&id, Some(&Failure::Image { detail: String::new() }));
    narrator.call_failed(&id, &PlatformError::Refused(String::new()));
    super::edited(true);
    super::kube_write("scale", true);
    super::kube_request("watch", "pods");
    super::kube_told_dropped();
    super::triggers::read(&autoscaler::triggers::Reading::NoData, Duration::ZERO);
    super::triggers::decided(Duration::ZERO, Duration::ZERO);
    super::triggers::jobs_began(1);
    super::triggers::job_ended("complete");
    super::triggers::served(true);
    super::kube_watch_failed("pods");
    super::kube_problem("BadAnnotation");
    super::certificate_made(Time::ZERO);
    super::injection("injected");
    super::selector_kept();
    super::no_review();
    super::not_trusted();
    super::links(1);
    metrics::counter!(super::LINKS_LOST).increment(1);
    metrics::counter!(super::LINKS_REFUSED, "reason" => "expired").increment(1);
    metrics::counter!(super::REPORTS_DROPPED).increment(1);
    metrics::counter!(super::SPANS_DROPPED).increment(1);
    let start = EngineSettings {
        tick_offset: clock.now().since(clock.now()),
        start: StartAs::Zero,
        reporters: Reporters::InProcess,
    };
    let mut engine = Engine::new(start);
    engine.workload(Time::ZERO, &workload, 0);
    let activator = Activator::new("rouse", clock, HoldLimits::default());
    activator.set_workload(&workload);
    for line in engine.status() {
        super::workload(&line, activator.snapshot(&id).as_ref());
    }
    narrator.workload_gone(&id);
}

#[tokio::test]
async fn the_list_is_what_is_exported() {
    let clock = Clock::start();
    let recorder = super::builder().unwrap().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        super::describe();
        happen(clock);
    });
    let mut page = recorder.handle().render();
    assert!(page.contains("rouse_pods_asked{workload=\"default/Deployment/hello\"} 0\n"), "nothing of it is left");
    let front = Front::new(Network::default(), ([127, 0, 0, 1], 1).into(), &Serving::default(), clock);
    let quantiles = Quantiles { requests: 1, p50_seconds: 0.1, p90_seconds: 0.2, p99_seconds: 0.3 };
    let latency = LatencyNow { answered: Some(quantiles), held: Some(quantiles) };
    let [hello, asleep] = ["hello", "asleep"].map(|id| id.parse().unwrap());
    page += &super::latencies([(latency, &hello), (LatencyNow::default(), &asleep)].into_iter());
    assert!(page.contains("{workload=\"default/Deployment/hello\",quantile=\"0.99\"} 0.3\n"), "{page}");
    assert!(!page.contains("asleep"), "of what had no requests there is no line");
    page += &super::open_requests([(RequestsNow::default(), &asleep)].into_iter());
    assert!(page.contains("rouse_workload_queue{workload=\"default/Deployment/asleep\"} 0\n"), "{page}");
    let (kind, metric) = ("scaledobject", "s1-redis-jobs");
    let name = ScalerName { kind, namespace: "shop", object: "worker", scaler: "redis", index: 1, metric };
    let scaler = ScalerNow { labels: name.labels(), value: Some(7.5), active: true, errors: 2 };
    let job = JobErrors { namespace: "shop".to_owned(), name: "worker".to_owned(), errors: 2 };
    page += &super::keda::scalers(&[scaler], &[job]);
    assert!(page.contains("keda_scaled_job_errors_total{namespace=\"shop\",scaledJob=\"worker\"} 2\n"), "{page}");
    page += &front.metrics(&Connections::default());
    LinkStatus::default().render(&mut page).unwrap();
    let (mut exported, listed) = (exported(&page), listed());
    // No request came through the front: this has no sample yet, and so no label.
    let name = "rouse_queue_proxy_request_duration_seconds";
    exported.get_mut(name).expect("it is exported").1.insert("code_class".to_owned());
    assert_eq!(exported, listed);
}

#[test]
fn every_name_in_the_code_is_in_the_list() {
    let listed = listed();
    let code = include_str!("../exposition.rs");
    let names = code.split('"').filter(|text| text.starts_with("rouse_"));
    let unlisted: Vec<_> = names.filter(|name| !listed.contains_key(*name)).collect();
    assert!(unlisted.is_empty(), "METRICS.md does not have {unlisted:?}");
}
