//! The two watches of a router: Services, and slices of ours.

use std::collections::HashSet;
use std::mem;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use kube::core::ApiResource;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client};

use super::objects::{self, ServiceObject, SliceObject};
use super::service::{Service, ServiceId};
use super::slice::{MANAGED_BY_LABEL, Seen};
use crate::kubernetes::names::MANAGED_BY;
use crate::kubernetes::watch::trouble::Trouble;
use crate::kubernetes::watch::{Which, watch};

/// What is watched, as messages name it.
const SERVICES: &str = "services";
const SLICES: &str = "endpointslices.discovery.k8s.io";

/// The two watches. After an error each is tried again with back-off, for ever.
pub(super) struct Watches {
    services: Watch<ServiceObject>,
    slices: Watch<SliceObject>,
    trouble: Trouble,
    /// What the list of slices that comes has named so far.
    named: HashSet<SliceName>,
}

type Watch<K> = BoxStream<'static, watcher::Result<Event<K>>>;

/// A slice of a Service.
pub(super) type SliceName = (ServiceId, String);

/// What they say.
#[derive(Debug)]
pub(super) enum Said {
    /// All Services are said now.
    ServicesBegin,
    /// The Service is so now, or asks for nothing.
    Service(ServiceId, Option<Service>),
    /// The Service is gone.
    ServiceGone(ServiceId),
    /// All have been said.
    ServicesEnd,
    /// The slice is so now.
    Slice(ServiceId, Seen),
    /// The slice is gone, as of this version.
    SliceGone(SliceName, Option<u64>),
    /// There are no others.
    AllSlices(HashSet<SliceName>),
    Nothing,
}

impl Watches {
    /// All Services, for no selector can say which are annotated; and all slices of ours.
    pub(super) fn new(client: &Client, kind: &ApiResource) -> Watches {
        let ours = Which::labelled_as(MANAGED_BY_LABEL, MANAGED_BY);
        Watches {
            services: watch(Api::all_with(client.clone(), &objects::services()), Which::default()),
            slices: watch(Api::all_with(client.clone(), kind), ours),
            trouble: Trouble::default(),
            named: HashSet::new(),
        }
    }

    /// What is said next. Never ends; cancel-safe.
    pub(super) async fn next(&mut self) -> Said {
        tokio::select! {
            Some(event) = self.services.next() => self.of_service(event),
            Some(event) = self.slices.next() => self.of_slice(event),
            else => std::future::pending().await,
        }
    }

    fn of_service(&mut self, event: watcher::Result<Event<ServiceObject>>) -> Said {
        if event.is_ok() {
            self.trouble.works(SERVICES);
        }
        match event {
            Ok(Event::Init) => Said::ServicesBegin,
            Ok(Event::InitDone) => Said::ServicesEnd,
            Ok(Event::Apply(object) | Event::InitApply(object)) => {
                Said::Service(ServiceId::of(&object), Service::of(&object))
            }
            Ok(Event::Delete(object)) => Said::ServiceGone(ServiceId::of(&object)),
            Err(error) => {
                self.trouble.failed(SERVICES, &error);
                Said::Nothing
            }
        }
    }

    fn of_slice(&mut self, event: watcher::Result<Event<SliceObject>>) -> Said {
        if event.is_ok() {
            self.trouble.works(SLICES);
        }
        match event {
            Ok(Event::Init) => self.named.clear(),
            Ok(Event::InitDone) => return Said::AllSlices(mem::take(&mut self.named)),
            Ok(Event::Apply(object)) => return slice(object),
            Ok(Event::InitApply(object)) => {
                let said = slice(object);
                if let Said::Slice(service, seen) = &said {
                    self.named.insert((service.clone(), seen.slice.name.clone()));
                }
                return said;
            }
            Ok(Event::Delete(object)) => {
                let version = object.metadata.version();
                if let Some((service, seen)) = Seen::of(object) {
                    return Said::SliceGone((service, seen.slice.name), version);
                }
            }
            Err(error) => self.trouble.failed(SLICES, &error),
        }
        Said::Nothing
    }
}

fn slice(object: SliceObject) -> Said {
    Seen::of(object).map_or(Said::Nothing, |(service, seen)| Said::Slice(service, seen))
}
