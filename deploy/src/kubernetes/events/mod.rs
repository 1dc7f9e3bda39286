//! Makes events of what is told, on the objects that it is told of: what `kubectl describe` and `kubectl get events` show.
//!
//! Whoever tells never waits. The same told again is the same event with a higher count; beyond what an object, and all
//! together, may have written, things are dropped and counted. While nothing is told nothing is written.

mod ledger;

use std::sync::Arc;

use http::{Request, header};
use k8s_openapi::jiff::Timestamp;
use queue_proxy::Clock;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use self::ledger::{Ledger, Line};
use super::names::{AUTOSCALER, FIELD_MANAGER};
use super::platform::KubernetesPlatform;
use super::told::{About, ObjectRef, Told, Tone};
use super::writes::{Urgency, WriteError, Writes};
use crate::exposition;

/// Who makes events of what is told.
#[derive(Debug)]
pub struct Recorder {
    writes: Writes,
    /// Knows workloads as events name them.
    platform: Arc<KubernetesPlatform>,
    clock: Clock,
    told: mpsc::Receiver<Told>,
    /// The name of this process: its pod's.
    instance: String,
    ledger: Ledger,
}

impl Recorder {
    /// A recorder of what comes out of `told` ([`super::told::Teller::channel`]). `instance` names this process.
    pub fn new(
        writes: Writes,
        platform: Arc<KubernetesPlatform>,
        clock: Clock,
        told: mpsc::Receiver<Told>,
        instance: String,
    ) -> Recorder {
        Recorder { writes, platform, clock, told, instance, ledger: Ledger::default() }
    }

    /// Records until nobody can tell anything any more.
    pub async fn run(mut self) {
        loop {
            let due = self.ledger.due().map(|time| self.clock.instant_of(time));
            let due = async {
                match due {
                    Some(instant) => tokio::time::sleep_until(instant).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                told = self.told.recv() => match told {
                    Some(told) => self.take(told),
                    None => return,
                },
                () = due => {}
            }
            while let Some(line) = self.ledger.next(self.clock.now()) {
                self.write(line).await;
            }
        }
    }

    fn take(&mut self, told: Told) {
        let Told { about, tone, reason, message } = told;
        let object = match about {
            About::Object(object) => Some(object),
            About::Workload(id) => self.platform.reference(&id),
        };
        // A workload that is no more has no events either.
        let Some(object) = object else { return };
        if !self.ledger.enter(object, tone, reason, message, self.clock.now()) {
            exposition::kube_told_dropped();
        }
    }

    async fn write(&mut self, line: Line) {
        let result = match line.is_written {
            true => self.send(Request::patch(path(&line.object, Some(&line.name))), &count(&line)).await,
            false => self.send(Request::post(path(&line.object, None)), &event(&line, &self.instance)).await,
        };
        match result {
            Ok(()) => {}
            // Events are kept for an hour only: it begins anew.
            Err(error) if error.code() == Some(404) && line.is_written => self.ledger.lost(&line),
            Err(error) => {
                tracing::debug!("an event was not written: {error}");
                exposition::kube_told_dropped();
            }
        }
    }

    async fn send(&self, request: http::request::Builder, body: &Value) -> Result<(), WriteError> {
        let kind = match request.method_ref() {
            Some(&http::Method::PATCH) => "application/merge-patch+json",
            _ => "application/json",
        };
        let request = request
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, kind)
            .body(body.to_string().into_bytes())
            .map_err(kube::Error::HttpError)?;
        self.writes.send::<IgnoredAny>(Urgency::News, "event", request).await.map(drop)
    }
}

/// Where events of the object are, or the one of this name.
fn path(object: &ObjectRef, name: Option<&str>) -> String {
    let name = name.map(|name| format!("/{name}")).unwrap_or_default();
    format!("/api/v1/namespaces/{}/events{name}?fieldManager={FIELD_MANAGER}", object.namespace)
}

/// A new event. In `v1`, which every version serves, and with the fields that `kubectl` has always read.
fn event(line: &Line, instance: &str) -> Value {
    let ObjectRef { api_version, kind, namespace, name, uid } = &line.object;
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": { "namespace": namespace, "name": line.name },
        "involvedObject": {
            "apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name, "uid": uid,
        },
        "type": match line.tone { Tone::Normal => "Normal", Tone::Warning => "Warning" },
        "reason": line.reason,
        "message": line.message,
        "count": line.count,
        "firstTimestamp": stamp(line.first),
        "lastTimestamp": stamp(line.last),
        "source": { "component": AUTOSCALER },
        "reportingComponent": format!("rouse.dev/{AUTOSCALER}"),
        "reportingInstance": instance,
    })
}

/// The same told again.
fn count(line: &Line) -> Value {
    json!({ "count": line.count, "lastTimestamp": stamp(line.last) })
}

/// In whole seconds, as all stamps of the cluster are.
fn stamp(time: config::Time) -> String {
    Timestamp::from_second(i64::try_from(time.second()).unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_that_kubectl_shows_on_the_object() {
        let object = ObjectRef {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: "shop".to_owned(),
            name: "hello".to_owned(),
            uid: "u-1".to_owned(),
        };
        assert_eq!(path(&object, Some("hello.1a")), "/api/v1/namespaces/shop/events/hello.1a?fieldManager=rouse");
        let mut ledger = Ledger::default();
        let at = config::Time::from_secs_f64(1_767_323_045.7);
        assert!(ledger.enter(object, Tone::Warning, "BadAnnotation", "no".to_owned(), at));
        let line = ledger.next(at).unwrap();
        let mut event = event(&line, "rouse-autoscaler-0");
        assert_eq!(event["metadata"].as_object_mut().unwrap().remove("name"), Some(line.name.clone().into()));
        assert_eq!(
            event,
            json!({
                "apiVersion": "v1", "kind": "Event", "metadata": { "namespace": "shop" },
                "involvedObject": { "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "hello",
                    "uid": "u-1" },
                "type": "Warning", "reason": "BadAnnotation", "message": "no", "count": 1,
                "firstTimestamp": "2026-01-02T03:04:05Z", "lastTimestamp": "2026-01-02T03:04:05Z",
                "source": { "component": "rouse-autoscaler" },
                "reportingComponent": "rouse.dev/rouse-autoscaler", "reportingInstance": "rouse-autoscaler-0",
            })
        );
    }
}
