//! Whom `rouse status` and `rouse explain` ask, and how the answer is printed.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};

use super::Instance;
use crate::kubernetes::names;

/// What both were told besides what they are to tell.
#[derive(Args, Clone, Debug)]
pub struct AskOptions {
    /// The instance's admin address
    #[arg(long, default_value = "127.0.0.1:8090")]
    pub admin: SocketAddr,
    /// Ask the autoscaler of the cluster that KUBECONFIG names instead
    #[arg(long, conflicts_with = "admin")]
    pub cluster: bool,
    /// The namespace where it is installed
    #[arg(long, default_value = names::NAMESPACE, requires = "cluster")]
    pub namespace: String,
    /// How to print the answer
    #[arg(short, long, default_value = "table")]
    pub output: Output,
}

impl AskOptions {
    /// Who is asked.
    pub fn instance(&self) -> Instance {
        match self.cluster {
            true => Instance::Cluster { namespace: self.namespace.clone() },
            false => Instance::At(self.admin),
        }
    }
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A table, for people.
    #[default]
    Table,
    /// The instance's own answer.
    Json,
}
