//! One connection that all reads of a server share.

use parking_lot::Mutex;

/// A connection, made when it is first needed and again after a read that did not end well: one that broke, was given up
/// after its timeout, or was dropped halfway. Who has it already keeps it until their own read ends.
#[derive(Debug)]
pub(super) struct Kept<C> {
    slot: Mutex<Slot<C>>,
    /// Held while one connects, so that a server that is slow to take connections is asked for one only.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Slot<C> {
    connection: Option<C>,
    /// Counts connections, so that a read does not give up its successor's.
    number: u64,
}

impl<C: Clone> Kept<C> {
    /// None yet.
    pub(super) fn new() -> Kept<C> {
        let slot = Slot { connection: None, number: 0 };
        Kept { slot: Mutex::new(slot), connecting: tokio::sync::Mutex::new(()) }
    }

    /// The connection, or what `connect` makes.
    ///
    /// # Errors
    /// Those of `connect`.
    pub(super) async fn lease<E>(&self, connect: impl Future<Output = Result<C, E>>) -> Result<Lease<'_, C>, E> {
        if let Some(lease) = self.current() {
            return Ok(lease);
        }
        let _alone = self.connecting.lock().await;
        if let Some(lease) = self.current() {
            return Ok(lease); // somebody else has just made it
        }
        let connection = connect.await?;
        let mut slot = self.slot.lock();
        slot.connection = Some(connection.clone());
        slot.number += 1;
        Ok(Lease { kept: self, connection, number: slot.number, is_new: true, is_good: false })
    }

    fn current(&self) -> Option<Lease<'_, C>> {
        let slot = self.slot.lock();
        let connection = slot.connection.clone()?;
        Some(Lease { kept: self, connection, number: slot.number, is_new: false, is_good: false })
    }
}

/// The connection, for one read.
#[derive(Debug)]
pub(super) struct Lease<'a, C> {
    kept: &'a Kept<C>,
    connection: C,
    number: u64,
    is_new: bool,
    is_good: bool,
}

impl<C> Lease<'_, C> {
    /// The server has answered on it, if only with an error: the next read may have it.
    pub(super) fn give_back(mut self) {
        self.is_good = true;
    }

    /// Whether it was made for this read: trouble with it is the server's, not that of an old connection.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    /// One's own handle of the connection.
    pub(super) fn get_mut(&mut self) -> &mut C {
        &mut self.connection
    }
}

impl<C> Drop for Lease<'_, C> {
    fn drop(&mut self) {
        if self.is_good {
            return;
        }
        let given_up = {
            let mut slot = self.kept.slot.lock();
            if slot.number == self.number { slot.connection.take() } else { None }
        };
        drop(given_up); // not under the lock: its end may take others
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use super::*;

    async fn number(n: u32) -> Result<Arc<u32>, Infallible> {
        Ok(Arc::new(n))
    }

    #[tokio::test]
    async fn a_connection_is_kept_until_a_read_does_not_end_well() {
        let kept = Kept::new();
        let first = kept.lease(number(1)).await.unwrap();
        assert!(first.is_new());
        first.give_back();
        let mut again = kept.lease(number(2)).await.unwrap();
        assert_eq!((again.is_new(), **again.get_mut()), (false, 1), "it was given back");
        drop(again);
        assert_eq!(**kept.lease(number(3)).await.unwrap().get_mut(), 3, "it was given up");
    }

    #[tokio::test]
    async fn a_late_end_of_an_old_read_does_not_cost_the_next_connection() {
        let kept = Kept::new();
        let (old, other) = (kept.lease(number(1)).await.unwrap(), kept.lease(number(1)).await.unwrap());
        drop(other);
        kept.lease(number(2)).await.unwrap().give_back();
        drop(old);
        assert_eq!(**kept.lease(number(3)).await.unwrap().get_mut(), 2);
    }
}
