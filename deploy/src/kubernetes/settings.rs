//! The ConfigMaps in our own namespace: `config-autoscaler` and `config-defaults`, with Knative's keys.

use std::collections::BTreeMap;

use config::problem::Findings;
use config::{AutoscalerConfig, Defaults, Problems, Warning};

use super::names::{CONFIG_AUTOSCALER, CONFIG_DEFAULTS};

/// What holds for workloads that do not say otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Settings {
    pub(super) autoscaler: AutoscalerConfig,
    pub(super) defaults: Defaults,
}

impl Settings {
    /// Whether a ConfigMap of this name is one of ours.
    pub(super) fn reads(name: &str) -> bool {
        [CONFIG_AUTOSCALER, CONFIG_DEFAULTS].contains(&name)
    }

    /// The ConfigMap `name` has this data now; without data it is no more, and Knative's defaults hold. Tells whether
    /// anything changed by it, and what is odd.
    ///
    /// # Errors
    /// All that is wrong; what held before still does.
    pub(super) fn apply(
        &mut self,
        namespace: &str,
        name: &str,
        data: &BTreeMap<String, String>,
    ) -> Result<(bool, Vec<Warning>), Problems> {
        let mut found = Findings::about("", format!("ConfigMap {namespace}/{name}"));
        let mut settings = self.clone();
        match name {
            CONFIG_AUTOSCALER => settings.autoscaler = AutoscalerConfig::from_data(data, &mut found),
            CONFIG_DEFAULTS => settings.defaults = Defaults::from_data(data, &mut found),
            _ => {}
        }
        let (settings, warnings) = found.finish(settings)?;
        let changed = settings != *self;
        *self = settings;
        Ok((changed, warnings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn what_is_wrong_leaves_what_held_before() {
        let mut settings = Settings::default();
        let apply = |settings: &mut Settings, pairs| settings.apply("rouse-system", CONFIG_AUTOSCALER, &data(pairs));
        let (changed, warnings) = apply(&mut settings, &[("min-scale", "2"), ("tick-intervall", "2s")]).unwrap();
        assert!(changed);
        assert_eq!(
            warnings[0].to_string(),
            "ConfigMap rouse-system/config-autoscaler: tick-intervall: is not a known key and is ignored"
        );
        let problems = apply(&mut settings, &[("min-scale", "many"), ("stable-window", "1s")]).unwrap_err();
        assert_eq!(problems.0.len(), 2);
        assert_eq!(settings.autoscaler.min_scale, 2);
        assert!(apply(&mut settings, &[]).unwrap().0);
        assert_eq!(settings, Settings::default());
        assert!(!apply(&mut settings, &[("_example", "text")]).unwrap().0);
    }

    #[test]
    fn the_defaults_are_read_too() {
        let mut settings = Settings::default();
        settings.apply("rouse-system", CONFIG_DEFAULTS, &data(&[("container-concurrency", "7")])).unwrap();
        assert_eq!(settings.defaults.container_concurrency, 7);
        assert!(Settings::reads(CONFIG_DEFAULTS) && !Settings::reads("kube-root-ca.crt"));
    }
}
