//! `SPANS.md` lists what is sent, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use activator::Wake;
use config::{Pod, PodId, PodState, Reason};

use super::*;
use crate::wakes::Wakes;

const LIST: &str = include_str!("../../../SPANS.md");

/// Parent and attributes of spans, by name.
type Listed = BTreeMap<String, (String, BTreeSet<String>)>;

fn listed() -> Listed {
    let rows = LIST.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
        let attributes = cells[3].split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect();
        (cells[1].clone(), (cells[2].clone(), attributes))
    })
    .collect()
}

fn seconds(n: u64) -> Time {
    Time::ZERO + Duration::from_secs(n)
}

fn because() -> Reason {
    Reason { rule: "stable-window", pods: 1, because: "1 waits".to_owned() }
}

/// A wake of which everything is known: each phase took a second.
fn whole() -> Woken {
    let (wakes, workload) = (Wakes::default(), "hello".parse().unwrap());
    let (id, address) = (PodId::new("one"), ([127, 0, 0, 1], 1).into());
    let (state, created) = (PodState::Starting, Time::ZERO);
    let pod = Pod { id, workload, address, state, has_queue_proxy: true, created };
    wakes.decided(&pod.workload, &because(), seconds(11));
    wakes.asked(&pod.workload, seconds(12));
    wakes.started(&pod.id, seconds(13));
    wakes.ready(&pod, seconds(14));
    let (held_at, released_at, first_byte) = (seconds(10), seconds(15), Arc::new(seconds(16).into()));
    wakes.woke(&Wake { workload: pod.workload, held_at, released_at, requests: 3, first_byte })
}

#[tokio::test]
async fn the_list_is_what_is_sent() {
    let (traces, mut spans) = (Traces::new(Clock::start()), Vec::new());
    let workload = "hello".parse().unwrap();
    traces.of(&Told::Scaled { workload, from: 0, to: 1, why: because(), at: seconds(11) }, &mut spans);
    traces.of(&Told::Woke(whole()), &mut spans);
    let name = |id| spans.iter().find(|span| span.span_context.span_id() == id).map(|span| span.name.to_string());
    let sent = spans.iter().map(|span| {
        let attributes = span.attributes.iter().map(|pair| pair.key.to_string()).collect();
        (span.name.to_string(), (name(span.parent_span_id).unwrap_or_default(), attributes))
    });
    assert_eq!(sent.collect::<Listed>(), listed());
}

#[tokio::test]
async fn spans_have_the_times_at_which_things_happened() {
    let (traces, mut spans) = (Traces::new(Clock::wall()), Vec::new());
    traces.of(&Told::Woke(whole()), &mut spans);
    let since = |at: SystemTime| at.duration_since(traces.origin).unwrap().as_secs();
    let times: Vec<_> =
        spans.iter().map(|span| (span.name.as_ref(), since(span.start_time), since(span.end_time))).collect();
    let phases = [("decided", 10, 11), ("asked", 11, 12), ("started", 12, 13), ("ready", 13, 14)];
    assert_eq!(times[..4], phases);
    assert_eq!(times[4..], [("handed-over", 14, 15), ("first-byte", 15, 16), ("wake", 10, 16)]);
    let off = traces.origin.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_else(|before| before.duration());
    assert!(off < Duration::from_secs(1), "a clock that counts from 1970 has its origin there, not {off:?} off");
}
