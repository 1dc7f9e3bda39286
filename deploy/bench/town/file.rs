//! The platform's file, and the wishes for it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Addresses, LIMIT, WORKLOAD};

/// What the town declares of its one workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Annotations and their values.
    pub(crate) annotations: Vec<(&'static str, String)>,
}

impl Manifest {
    /// A workload with these annotations.
    pub(crate) fn new(annotations: &[(&'static str, &str)]) -> Manifest {
        Manifest { annotations: annotations.iter().map(|&(key, value)| (key, value.to_owned())).collect() }
    }

    /// Sets one annotation, new or not.
    pub(crate) fn set(&mut self, key: &'static str, value: &str) {
        self.annotations.retain(|(known, _)| *known != key);
        self.annotations.push((key, value.to_owned()));
    }

    /// The container-concurrency; 0 is no limit.
    pub(super) fn limit(&self) -> u32 {
        let limit = self.annotations.iter().find(|(key, _)| *key == LIMIT);
        limit.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
    }

    /// The whole file, with the pods there are.
    pub(crate) fn text<'a>(&self, pods: impl Iterator<Item = &'a Addresses>) -> String {
        let annotations: Vec<String> =
            self.annotations.iter().map(|(key, value)| format!("{}: {}", quoted(key), quoted(value))).collect();
        let mut text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: town, annotations: {{ {} }} }}\nspec: {{ \
             template: {{ spec: {{ containers: [{{ name: app, command: [rouse, sample] }}] }} }} }}\n---\napiVersion: \
             rouse.dev/v1\nkind: Pods\nworkload: {WORKLOAD}\npods:\n",
            annotations.join(", "),
        );
        let mut none = true;
        for pod in pods {
            none = false;
            writeln!(
                text,
                "- {{ name: {}, address: {}, queueProxy: true }}",
                pod.name,
                quoted(&pod.address.to_string())
            )
            .expect("a String takes any text");
        }
        if none {
            text.truncate(text.trim_end().len());
            text.push_str(" []\n");
        }
        text
    }
}

/// The platform's file and the file of wishes.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) platform: PathBuf,
    pub(crate) wishes: PathBuf,
}

impl Files {
    pub(crate) fn in_directory(directory: &Path) -> Files {
        Files { platform: directory.join("platform.yaml"), wishes: directory.join("wishes.json") }
    }

    /// Writes the platform's file so that no reader sees half of it.
    pub(crate) fn write(&self, text: &str) -> anyhow::Result<()> {
        let new = self.platform.with_extension("new");
        std::fs::write(&new, text)?;
        std::fs::rename(&new, &self.platform)?;
        Ok(())
    }

    /// How many pods are wished for; `None` while nothing was ever wished.
    pub(crate) fn wish(&self) -> Option<u64> {
        let text = std::fs::read_to_string(&self.wishes).ok()?;
        serde_json::from_str::<Value>(&text).ok()?[WORKLOAD].as_u64()
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
