//! Pods of Jobs as processes: nothing listens.

use std::fmt;

use config::{Failure, PodId};

use super::process::Process;
use super::start::Starter;
use crate::jobs::{Launch, Work};

/// Starts pods of Jobs as processes of this machine.
pub struct JobProcesses(pub(super) Starter);

impl Launch for JobProcesses {
    type Running = Process;

    fn launch(&self, pod: &PodId, work: &Work) -> Result<Process, Failure> {
        let env = self.0.env(&[("POD_NAME", pod.as_str())], &work.template);
        self.0.start(pod, &work.template, &env, work.grace)
    }
}

impl fmt::Debug for JobProcesses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobProcesses").finish_non_exhaustive()
    }
}
