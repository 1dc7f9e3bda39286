//! ConfigMaps with settings, as they come and go.

use std::collections::BTreeMap;

use config::Time;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::watcher::Event;

use super::{View, core};
use crate::kubernetes::settings::Settings;
use crate::kubernetes::told::{About, ObjectRef};
use crate::kubernetes::workloads::sentence;

impl View {
    pub(super) fn see_config_map(&mut self, event: Event<ConfigMap>, now: Time) {
        match event {
            Event::Init => self.config_maps.gap.begins(),
            Event::InitApply(map) | Event::Apply(map) => {
                let name = map.metadata.name.clone().unwrap_or_default();
                if Settings::reads(&name) {
                    self.config_maps.gap.is_there(&name);
                    self.config_maps.known.insert(name.clone());
                    let uid = map.metadata.uid.unwrap_or_default();
                    self.apply_settings(&name, uid, &map.data.unwrap_or_default());
                }
            }
            Event::Delete(map) => self.config_map_gone(&map.metadata.name.unwrap_or_default()),
            Event::InitDone => {
                let known = std::mem::take(&mut self.config_maps.known);
                self.config_maps.gap.ends(known.iter(), now);
                self.config_maps.known = known;
                self.watch_workloads();
            }
        }
    }

    pub(super) fn config_map_gone(&mut self, name: &str) {
        if self.config_maps.known.remove(name) {
            self.config_maps.gap.is_gone(&name.to_owned());
            self.apply_settings(name, String::new(), &BTreeMap::new());
        }
    }

    fn apply_settings(&mut self, name: &str, uid: String, data: &BTreeMap<String, String>) {
        let namespace = self.parts.namespace.clone();
        let told = match self.settings.apply(&namespace, name, data) {
            Ok((changed, warnings)) => {
                if changed {
                    tracing::info!("{name}: changed; it holds from now on");
                    self.to_read = self.workloads.keys().cloned().collect();
                    let Settings { autoscaler, defaults } = self.settings.clone();
                    self.parts.knative.send_modify(|all| (all.autoscaler, all.defaults) = (autoscaler, defaults));
                }
                ("OddSetting", sentence(warnings.iter().map(|warning| &warning.0)))
            }
            Err(problems) => ("BadSetting", sentence(problems.0.iter()) + "; what held before still does"),
        };
        if let (reason, message) = told
            && !message.is_empty()
        {
            let kind = core("ConfigMap", "configmaps");
            let about =
                ObjectRef { api_version: kind.api_version, kind: kind.kind, namespace, name: name.to_owned(), uid };
            self.complain(About::Object(about), reason, message);
        }
    }
}
