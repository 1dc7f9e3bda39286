//! The two kinds of objects that are served.

use kube::core::{ApiResource, DynamicObject};
use serde_json::Value;

use super::desk::{Desk, Object};
use super::trouble::Trouble;
use super::words::Words;
use crate::kubernetes::watched::Place;

/// Serves all objects of one kind.
pub(super) trait Serves {
    /// How a status of the kind is worded.
    const WORDS: Words;

    /// The kind.
    fn kind() -> ApiResource;

    /// What is used of one.
    fn used(object: &DynamicObject) -> Object;

    /// Whether all is known that has to be before any is served.
    fn knows_all(&self) -> bool;

    /// Waits for what others than the watches of the objects tell. Cancel-safe.
    async fn news(&mut self) -> Heard;

    /// From now on `object`, at `place`, is served as it says; one that is wrong now is served as it was.
    async fn serve(&mut self, desk: &mut Desk<'_>, place: &Place, object: &Value) -> Result<(), Trouble>;

    /// What is at `place` is served no more.
    async fn unserve(&mut self, desk: &mut Desk<'_>, place: &Place);

    /// What the status of one that is served is to be; none before there is anything to tell.
    fn status(&self, place: &Place, before: &Value) -> Option<Value>;

    /// What triggers of one say of their failing; none if none fails.
    fn errors(&self, place: &Place) -> Option<String>;

    /// Whether triggers of one use anything that may change without its being told.
    fn uses_others(&self, place: &Place) -> bool;

    /// Serves none any more: somebody else does, so that all stays as it is.
    async fn stop(self, desk: Desk<'_>);
}

/// What others told.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// There is something to tell of these.
    pub(super) tell: Vec<Place>,
    /// These are to be looked at.
    pub(super) look: Vec<Place>,
}
