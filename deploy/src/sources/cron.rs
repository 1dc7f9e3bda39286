//! `cron`: no server, only time.

use autoscaler::triggers::measure::cron::{Schedule, Window, zone};
use autoscaler::triggers::metadata;
use futures_core::future::BoxFuture;

use super::{Answer, Key, Look, OpenError, Source};

#[derive(Debug)]
pub(super) struct Cron {
    window: Window,
    key: Key,
}

impl Cron {
    pub(super) fn open(trigger: &metadata::Cron) -> Result<Cron, OpenError> {
        let zone = zone(&trigger.timezone).map_err(|why| OpenError::parameter("timezone", why.to_string()))?;
        let schedule = |name, text: &str| {
            let read = text.parse::<Schedule>();
            read.map_err(|why| OpenError::parameter(name, why.to_string()))
        };
        let (start, end) = (schedule("start", &trigger.start)?, schedule("end", &trigger.end)?);
        let desired = trigger.desired.to_string();
        let key = Key::new(["cron", &trigger.timezone, &trigger.start, &trigger.end, &desired]);
        Ok(Cron { window: Window::new(zone, start, end, trigger.desired), key })
    }
}

impl Source for Cron {
    fn read(&self, look: Look) -> BoxFuture<'_, Answer> {
        Box::pin(async move { self.window.at(look.at).0.into() })
    }

    fn key(&self) -> &Key {
        &self.key
    }
}
