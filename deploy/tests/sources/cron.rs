//! Cron: time is all it reads.

use std::time::Duration;

use deploy::sources::Look;

use crate::opened::{opened, pool, trigger, value};

fn cron(start: &str, end: &str, zone: &str) -> autoscaler::triggers::metadata::TriggerKind {
    trigger("cron", &[("timezone", zone), ("start", start), ("end", end), ("desiredReplicas", "3")], &[])
}

#[tokio::test]
async fn a_working_day_opens_and_closes() {
    let source = opened(&cron("0 8 * * 1-5", "0 18 * * 1-5", "Europe/Zurich"), &pool());
    let at = async |at: i64| source.read(Look { at, age: Duration::ZERO }).await.reading;
    const EIGHT: i64 = 1_795_417_200; // Monday, 2026-11-23 08:00 in Zurich
    assert_eq!(at(EIGHT - 1).await, value(0.0, false));
    assert_eq!(at(EIGHT).await, value(3.0, true));
    assert_eq!(at(EIGHT + 10 * 3600).await, value(0.0, false));
}
