//! The numbers that stand for a reporter and a workload on one stream.

use std::collections::HashMap;

use super::{Reporter, WireError};
use crate::{WorkloadId, bounds};

/// Who reports, and whose load it is.
pub(super) type Name = (Reporter, WorkloadId);

/// Who speaks on a stream: what its `Hello` said. The number 0 stands for its workload.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) reporter: Reporter,
    pub(super) workload: Option<WorkloadId>,
}

/// The side that gives the numbers.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) own: Option<Own>,
    numbers: HashMap<Name, u32>,
    /// What the number `index + 1` stands for.
    names: Vec<Option<Name>>,
    free: Vec<u32>,
    /// Who loses its number next when there is no other.
    hand: usize,
}

/// A number, and whether it has yet to be declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Known(u32),
    New(u32),
}

impl Given {
    /// The number that stands for `name`.
    pub(super) fn number(&mut self, name: Name) -> Number {
        let own = self.own.as_ref();
        if own.is_some_and(|own| own.workload.as_ref() == Some(&name.1) && own.reporter == name.0) {
            return Number::Known(0);
        }
        if let Some(&number) = self.numbers.get(&name) {
            return Number::Known(number);
        }
        let number = self.unused();
        self.names[number as usize - 1] = Some(name.clone());
        self.numbers.insert(name, number);
        Number::New(number)
    }

    /// `number` stands for nothing any more.
    pub(super) fn forget(&mut self, number: u32) {
        let Some(index) = (number as usize).checked_sub(1) else { return };
        if let Some(name) = self.names[index].take() {
            self.numbers.remove(&name);
            self.free.push(number);
        }
    }

    fn unused(&mut self) -> u32 {
        if let Some(number) = self.free.pop() {
            return number;
        }
        if self.names.len() < bounds::LINK_NAMES {
            self.names.push(None);
            return self.names.len() as u32;
        }
        let index = self.hand;
        self.hand = (index + 1) % self.names.len();
        if let Some(name) = self.names[index].take() {
            self.numbers.remove(&name);
        }
        index as u32 + 1
    }
}

/// The side that is told the numbers.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) own: Option<Own>,
    /// What the number `index + 1` stands for.
    names: Vec<Option<Name>>,
}

impl Told {
    /// Who speaks.
    pub(super) fn introduce(&mut self, own: Own) -> Result<(), WireError> {
        short(&own.reporter, own.workload.as_ref()).map_err(WireError::LongName)?;
        self.own = Some(own);
        Ok(())
    }

    /// From now on `number` stands for `name`.
    pub(super) fn declare(&mut self, number: u32, name: Name) -> Result<(), WireError> {
        let index = (number as usize).checked_sub(1).ok_or(WireError::Undeclared(number))?;
        if index >= bounds::LINK_NAMES || index > self.names.len() {
            return Err(WireError::Undeclared(number));
        }
        short(&name.0, Some(&name.1)).map_err(WireError::LongName)?;
        if index == self.names.len() {
            self.names.push(None);
        }
        self.names[index] = Some(name);
        Ok(())
    }

    /// What `number` stands for; two counts of references, and nothing else, are touched.
    pub(super) fn name(&self, number: u32) -> Result<Name, WireError> {
        let name = match (number as usize).checked_sub(1) {
            None => self.own.as_ref().and_then(|own| Some((own.reporter.clone(), own.workload.clone()?))),
            Some(index) => self.names.get(index).cloned().flatten(),
        };
        name.ok_or(WireError::Undeclared(number))
    }

    /// As [`Told::name`], and `number` stands for nothing any more.
    pub(super) fn forget(&mut self, number: u32) -> Result<Name, WireError> {
        let name = self.name(number)?;
        if let Some(index) = (number as usize).checked_sub(1) {
            self.names[index] = None;
        }
        Ok(name)
    }
}

/// Whether names are short enough to be kept; else how long they are.
pub(super) fn short(reporter: &Reporter, workload: Option<&WorkloadId>) -> Result<(), usize> {
    let reporter = match reporter {
        Reporter::Pod(id) => id.as_str().len(),
        Reporter::Activator(name) => name.len(),
    };
    let workload = workload.map_or(0, |id| id.namespace().len() + id.kind().len() + id.name().len());
    let bytes = reporter + workload;
    if bytes > bounds::LINK_NAME_BYTES { Err(bytes) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(index: usize) -> Name {
        (Reporter::Activator("a".into()), WorkloadId::new("default", "Deployment", format!("w{index}")))
    }

    #[test]
    fn both_sides_agree_also_when_numbers_are_given_anew() {
        let (mut given, mut told) = (Given::default(), Told::default());
        for index in (0..bounds::LINK_NAMES + 10).chain(0..20) {
            let number = match given.number(name(index)) {
                Number::Known(number) => number,
                Number::New(number) => {
                    told.declare(number, name(index)).unwrap();
                    number
                }
            };
            assert_eq!(told.name(number), Ok(name(index)));
        }
        assert_eq!((given.numbers.len(), told.names.len()), (bounds::LINK_NAMES, bounds::LINK_NAMES));
    }

    #[test]
    fn who_left_makes_room() {
        let (mut given, mut told) = (Given::default(), Told::default());
        assert_eq!(given.number(name(1)), Number::New(1));
        told.declare(1, name(1)).unwrap();
        given.forget(1);
        assert_eq!(told.forget(1), Ok(name(1)));
        assert_eq!(told.name(1), Err(WireError::Undeclared(1)));
        assert_eq!(given.number(name(2)), Number::New(1));
        assert_eq!(told.declare(3, name(3)), Err(WireError::Undeclared(3)), "no gap that would need room");
        assert_eq!(told.declare(0, name(3)), Err(WireError::Undeclared(0)));
    }

    #[test]
    fn a_name_that_is_too_long_to_keep_is_refused() {
        let own = |workload: WorkloadId| Own { reporter: Reporter::Activator("a".into()), workload: Some(workload) };
        let workload = |bytes| WorkloadId::new("", "", "w".repeat(bytes));
        let most = bounds::LINK_NAME_BYTES - "a".len();
        let mut told = Told::default();
        assert_eq!(told.introduce(own(workload(most))), Ok(()));
        assert_eq!(told.declare(1, (Reporter::Activator("a".into()), workload(most))), Ok(()));
        let refused = Err(WireError::LongName(bounds::LINK_NAME_BYTES + 1));
        assert_eq!(told.introduce(own(workload(most + 1))), refused);
        assert_eq!(told.declare(2, (Reporter::Activator("a".into()), workload(most + 1))), refused);
        assert_eq!(told.name(2), Err(WireError::Undeclared(2)));
    }
}
