//! One look at a Service: what is to be done for it, until nothing is.

use kube::core::params::{DeleteParams, Patch, PatchParams, PostParams};
use kube::core::{Request, Resource};
use serde_json::{Value, json};

use super::filled::{Filled, filled};
use super::jobs::Outcome;
use super::objects::{ServiceObject, SliceObject, services};
use super::router::Router;
use super::service::{Refusal, Service, ServiceId};
use super::slice::{Seen, Slice};
use super::step::{Step, Write};
use crate::kubernetes::names::{FIELD_MANAGER, ROUTE_KEY, ROUTE_MANAGED};
use crate::kubernetes::said::Said;
use crate::kubernetes::told::Tone;
use crate::kubernetes::writes::{Urgency, WriteError};

/// Why what is to be done was not.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("{}", Said(.0))]
    Read(#[from] kube::Error),
    #[error("somebody else changes what was written at once: {0:?}")]
    Undone(Box<Write>),
}

impl Router {
    /// Does what is to be done for a Service.
    pub(super) async fn look(&self, id: &ServiceId) -> Outcome {
        let mut last = None;
        loop {
            let step = self.next(id);
            let done = match step {
                Step::Rest => return Outcome::Rests,
                Step::Wait(again) => return Outcome::Again(again),
                Step::Wake(again) => {
                    self.wake(id);
                    return Outcome::Again(again);
                }
                Step::Look => match filled(self.writes.client(), &self.slices, id).await {
                    Ok(Filled::Not) => return Outcome::Again(config::bounds::RELEASE_LOOK),
                    Ok(Filled::Ready) => {
                        self.state.lock().filled(id);
                        Ok(())
                    }
                    Ok(Filled::NoService) => {
                        let changed = self.state.lock().remove_service(id);
                        self.reached(changed);
                        Ok(())
                    }
                    Err(error) => Err(error.into()),
                },
                Step::Write(write) if last.as_ref() == Some(&write) => Err(Failure::Undone(Box::new(write))),
                Step::Write(write) => {
                    let done = self.write(id, &write).await;
                    last = Some(write);
                    done.map_err(Failure::from)
                }
            };
            if let Err(failure) = done {
                self.failed(id, &failure);
                return Outcome::Failed;
            }
        }
    }

    fn next(&self, id: &ServiceId) -> Step {
        let found = self.state.lock().next(id, &self.hub, self.clock.now());
        if let Some(told) = found.told {
            self.tell(id, Tone::Warning, told);
        }
        found.step
    }

    fn failed(&self, id: &ServiceId, failure: &Failure) {
        let message = format!("requests cannot be led where they should go: {failure}");
        let told = self.state.lock().once(id, Some(Refusal { reason: "RouteFailed", message }));
        if let Some(told) = told {
            tracing::warn!(service = %id, "{}", told.message);
            self.tell(id, Tone::Warning, told);
        }
    }

    async fn write(&self, id: &ServiceId, write: &Write) -> Result<(), WriteError> {
        match write {
            Write::Create(slice) => match self.create(id, slice).await {
                // It is there, though the watch has not said so, or its label is gone.
                Err(error) if error.code() == Some(409) => self.patch(id, slice).await,
                done => done,
            },
            Write::Patch(slice) => match self.patch(id, slice).await {
                Err(error) if error.code() == Some(404) => self.is_gone(id, &slice.name),
                done => done,
            },
            Write::Delete(name) => match self.delete(id, name).await {
                Err(error) if error.code() != Some(404) => Err(error),
                _ => self.is_gone(id, name),
            },
            Write::PutKey => {
                self.set_key(id, json!(ROUTE_MANAGED)).await?;
                let message = "requests are held while there is no pod, from now on".to_owned();
                self.tell(id, Tone::Normal, Refusal { reason: "Adopted", message });
                Ok(())
            }
            Write::TakeKey => {
                self.wake(id); // a workload that is not known may have been left at zero
                self.set_key(id, Value::Null).await?;
                let message = "requests go to whatever pods the selector selects, from now on".to_owned();
                self.tell(id, Tone::Normal, Refusal { reason: "Released", message });
                Ok(())
            }
        }
    }

    async fn create(&self, id: &ServiceId, slice: &Slice) -> Result<(), WriteError> {
        let object = slice.object(&self.slices, id, &self.owner(id));
        let body = object.to_string().into_bytes();
        let how = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let request = self.of_slices(id).create(&how, body).map_err(unbuilt)?;
        self.take_in(self.writes.send(Urgency::Route, "slice", request).await?);
        Ok(())
    }

    /// Ports and endpoints in one.
    async fn patch(&self, id: &ServiceId, slice: &Slice) -> Result<(), WriteError> {
        let patch = Patch::Merge(slice.patch(id, &self.owner(id)));
        let request = self.of_slices(id).patch(&slice.name, &ours(), &patch).map_err(unbuilt)?;
        self.take_in(self.writes.send(Urgency::Route, "slice", request).await?);
        Ok(())
    }

    async fn delete(&self, id: &ServiceId, name: &str) -> Result<(), WriteError> {
        let request = self.of_slices(id).delete(name, &DeleteParams::default()).map_err(unbuilt)?;
        self.writes.send::<Value>(Urgency::Upkeep, "slice", request).await?;
        Ok(())
    }

    /// A merge patch of one key of the selector: where the selector is one field to the apiserver, and where each of its
    /// keys is one.
    async fn set_key(&self, id: &ServiceId, value: Value) -> Result<(), WriteError> {
        let patch = Patch::Merge(json!({ "spec": { "selector": { ROUTE_KEY: value } } }));
        let services = Request::new(ServiceObject::url_path(&services(), Some(id.namespace())));
        let request = services.patch(id.name(), &ours(), &patch).map_err(unbuilt)?;
        let sent = self.writes.send::<ServiceObject>(Urgency::Upkeep, "service", request).await;
        let changed = match sent {
            Ok(object) => self.state.lock().set_service(id, Service::of(&object)),
            Err(error) if error.code() == Some(404) => self.state.lock().remove_service(id),
            Err(error) => return Err(error),
        };
        self.reached(changed);
        Ok(())
    }

    fn of_slices(&self, id: &ServiceId) -> Request {
        Request::new(SliceObject::url_path(&self.slices, Some(id.namespace())))
    }

    fn take_in(&self, object: SliceObject) {
        if let Some((service, seen)) = Seen::of(object) {
            self.state.lock().set_slice(&service, seen);
        }
    }

    fn is_gone(&self, id: &ServiceId, name: &str) -> Result<(), WriteError> {
        self.state.lock().remove_slice(id, name, None);
        Ok(())
    }

    /// The UID of the Service.
    fn owner(&self, id: &ServiceId) -> String {
        self.state.lock().services.get(id).map(|service| service.uid.clone()).unwrap_or_default()
    }
}

fn ours() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

fn unbuilt(error: kube::core::request::Error) -> WriteError {
    WriteError::Kube(kube::Error::BuildRequest(error))
}
