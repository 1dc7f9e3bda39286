//! What goes to activators, each of which must know everything.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use config::WorkloadId;
use config::bounds;
use config::link::Down;

use super::missed::Missed;
use super::outlet::Outlet;
use super::reporters::LinkNumber;

/// Frames that wait for one activator up to which it is told more: half of what may wait, so that all of one workload
/// finds room.
const FILL: usize = bounds::LINK_DOWN_FRAMES / 2;

/// The activators that are linked.
#[derive(Debug, Default)]
pub(crate) struct Readers(HashMap<LinkNumber, Reader>);

#[derive(Debug)]
struct Reader {
    outlet: Arc<Outlet>,
    told: Told,
    /// Of what there was news while it had not read what it was sent before.
    missed: Missed,
}

impl Reader {
    fn has_room(&self) -> bool {
        self.outlet.waiting() < FILL
    }

    /// Sends news at once, or when there is room what is so by then. False if the link is over.
    fn tell(&mut self, workload: &WorkloadId, frame: &Down) -> bool {
        if self.missed.is_empty() && self.has_room() {
            return self.outlet.push(frame.clone());
        }
        let takes = self.missed.add(workload, frame);
        if !takes {
            tracing::warn!("An activator reads too slowly: its link is cut off");
            self.outlet.close();
        }
        takes
    }

    /// Says that it was told everything, if it was and has room: after what there is to say of those that `stay` as it
    /// knows them.
    fn sync(&mut self, stay: impl Iterator<Item = Vec<Down>>) {
        if self.told == Told::All && self.missed.is_empty() && self.has_room() {
            for frame in stay.take(bounds::LINK_STAYS).flatten() {
                self.outlet.push(frame);
            }
            if self.outlet.push(Down::Synced) {
                self.told = Told::Synced;
            }
        }
    }
}

/// How far an activator has been told what there is. Workloads are told in the order of their names, and of those that
/// are still to come no news is sent: what is told then is the newest.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Nothing,
    UpTo(WorkloadId),
    All,
    Synced,
}

impl Told {
    fn includes(&self, workload: &WorkloadId) -> bool {
        match self {
            Told::Nothing => false,
            Told::UpTo(last) => workload <= last,
            Told::All | Told::Synced => true,
        }
    }

    /// The workloads that are still to be told.
    fn rest(&self) -> Option<(Bound<&WorkloadId>, Bound<&WorkloadId>)> {
        match self {
            Told::Nothing => Some((Bound::Unbounded, Bound::Unbounded)),
            Told::UpTo(last) => Some((Bound::Excluded(last), Bound::Unbounded)),
            Told::All | Told::Synced => None,
        }
    }
}

impl Readers {
    /// An activator that is to be told everything.
    pub(crate) fn add(&mut self, number: LinkNumber, outlet: Arc<Outlet>) {
        self.0.insert(number, Reader { outlet, told: Told::Nothing, missed: Missed::default() });
    }

    pub(crate) fn remove(&mut self, number: LinkNumber) {
        self.0.remove(&number);
    }

    /// Sends news of one workload to those who have been told of it.
    pub(crate) fn tell(&mut self, workload: &WorkloadId, frame: &Down) {
        self.0.retain(|_, reader| !reader.told.includes(workload) || reader.tell(workload, frame));
    }

    /// Tells one activator what it missed and then of further workloads, as `frames` has them, while there is room, or
    /// `of_unknown` those of which nothing else is told; when it knows all, and it is so for all, that it does and which
    /// others `stay`.
    pub(crate) fn fill<T>(
        &mut self,
        number: LinkNumber,
        all: &std::collections::BTreeMap<WorkloadId, T>,
        frames: impl Fn(&T) -> Vec<Down>,
        of_unknown: impl Fn(&WorkloadId) -> Option<Vec<Down>>,
        stay: Option<impl Iterator<Item = Vec<Down>>>,
    ) {
        let Some(reader) = self.0.get_mut(&number) else { return };
        while reader.has_room()
            && let Some((id, missed)) = reader.missed.next()
        {
            let now = all.get(&id).map(&frames).or_else(|| of_unknown(&id));
            for frame in missed.frames(id, now) {
                reader.outlet.push(frame);
            }
        }
        if let Some(range) = reader.told.rest() {
            let mut rest = all.range::<WorkloadId, _>(range);
            let mut last = None;
            while reader.has_room() {
                let Some((id, workload)) = rest.next() else {
                    reader.told = Told::All;
                    last = None;
                    break;
                };
                for frame in frames(workload) {
                    reader.outlet.push(frame);
                }
                last = Some(id.clone());
            }
            if let Some(last) = last {
                reader.told = Told::UpTo(last);
            }
        }
        if let Some(stay) = stay {
            reader.sync(stay);
        }
    }

    /// Tells those who have been told everything that this is so, and which others `stay`.
    pub(crate) fn sync(&mut self, stay: impl Iterator<Item = Vec<Down>> + Clone) {
        self.0.values_mut().for_each(|reader| reader.sync(stay.clone()));
    }
}
