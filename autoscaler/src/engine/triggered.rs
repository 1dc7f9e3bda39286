//! What triggers ask for, beside what requests need: the larger wins.

use super::scaled::Scaled;
use crate::reasons::Step;
use crate::scale::Wanted;
use crate::to_zero::ToZero;

/// What triggers ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing was read yet: what is there may be raised by requests, and is not lowered.
    Unread,
    /// No fewer pods than that.
    AtLeast(u32),
    /// What is there stays, whatever requests need: scaling is paused.
    Stay,
}

/// A workload's triggers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triggered {
    /// What they ask for.
    pub wish: Wish,
    /// Whether nothing else asks for its pods: no request ever comes to it. Then it has what they ask for, and no way to
    /// zero of its own.
    pub alone: bool,
}

impl Scaled {
    /// What is wanted when triggers have their say: `wanted` is what requests need.
    pub(super) fn with_triggers(&self, wanted: Wanted) -> Wanted {
        let Some(Triggered { wish, alone }) = self.triggered else { return wanted };
        let wanted = match alone {
            true => Wanted { pods: Some(0), asks: Some(0), again: None, to_zero: ToZero::NothingAsked, bound: None },
            false => wanted,
        };
        let asked = self.replicas.asked;
        let floor = match wish {
            Wish::AtLeast(pods) => pods,
            Wish::Unread => asked,
            Wish::Stay => {
                return Wanted { pods: Some(asked), asks: None, again: None, to_zero: ToZero::Paused, bound: None };
            }
        };
        if floor == 0 || wanted.asks.is_some_and(|asks| asks >= floor) {
            return wanted;
        }
        // While requests are on their way to zero, what is there stays; triggers may still raise it.
        let asks = match wanted.asks {
            None if floor <= asked => None,
            _ => Some(floor),
        };
        let pods = Some(wanted.pods.unwrap_or(0).max(floor));
        Wanted { pods, asks, again: wanted.again, to_zero: ToZero::Awake, bound: Some(Step::Triggers { pods: floor }) }
    }
}
