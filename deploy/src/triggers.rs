//! The triggers of manifests: what their parameters mean.

use std::collections::BTreeMap;

mod counted;
mod edges;
mod keeper;
mod keepers;
mod looks;
#[cfg(test)]
mod often;
mod opened;
mod plan;
#[cfg(test)]
pub(crate) mod said;
#[cfg(test)]
mod stories;
mod told;

use autoscaler::triggers::metadata::{Parameters, TriggerKind};
use autoscaler::triggers::object::Composite;
use config::keda::{ScaledObject, Trigger};
use config::manifest::{self, DeclaredJob, DeclaredObject, Given, Manifests};
use config::{Findings, Problems, Warning};

pub use counted::{Counted, PodNumbers};
pub use keepers::Keepers;
pub(crate) use opened::{Opened, edges, open, read as read_all};
pub use plan::Plan;
pub(crate) use told::ScalerNow;
pub use told::{Told, TriggerNow, TriggersNow};

/// Reads manifests with the parameters of all their triggers: each file a name for messages and its text.
///
/// # Errors
/// Every problem of every file.
pub fn read(files: &[(String, String)]) -> Result<Manifests, Problems> {
    manifest::read_with(files, |objects, jobs| {
        let mut found = Findings::default();
        for DeclaredObject { object, place: (file, name), .. } in objects {
            found.absorb(check_formula(object, file, name));
        }
        let objects = objects.iter().map(|DeclaredObject { object, given, place }| (&object.triggers, given, place));
        let jobs = jobs.iter().map(|DeclaredJob { job, given, place, .. }| (&job.triggers, given, place));
        for (triggers, given, (file, object)) in objects.chain(jobs) {
            found.absorb(check(triggers, given, file, object));
        }
        found
    })
}

/// The trigger number `n` of `object` in `file`, by what it was given. None if it has parameters that no file declares,
/// which was told already.
///
/// # Errors
/// Everything that is wrong with its parameters.
pub fn typed(
    trigger: &Trigger,
    given: &Given,
    n: usize,
    file: &str,
    object: &str,
) -> Result<Option<(TriggerKind, Vec<Warning>)>, Problems> {
    let Some(Some(auth)) = given.auth.get(n) else { return Ok(None) };
    let needs_env = trigger.metadata.keys().any(|name| name.ends_with("FromEnv"));
    let none = BTreeMap::new();
    let env = match &given.env {
        Some(env) => env,
        None if needs_env => return Ok(None),
        None => &none,
    };
    let parameters = Parameters::new(&trigger.metadata, auth, env).of(file, object, &format!("spec.triggers[{n}]"));
    TriggerKind::parse(&trigger.kind, parameters).map(Some)
}

/// What is wrong with the formula of `object`, called `name`.
fn check_formula(object: &ScaledObject, file: &str, name: &str) -> Findings {
    let mut found = Findings::about(file, name);
    if let (Some(modifiers), Err(problem)) = (&object.modifiers, Composite::of(object)) {
        let key = "spec.advanced.scalingModifiers.formula";
        found.wrong(key, &modifiers.formula, format!("cannot be used: {problem}"));
    }
    found
}

/// What is wrong or odd in the parameters of all `triggers` of `object`.
fn check(triggers: &[Trigger], given: &Given, file: &str, object: &str) -> Findings {
    let mut found = Findings::about(file, object);
    for (n, trigger) in triggers.iter().enumerate().filter(|(_, trigger)| !trigger.kind.is_empty()) {
        match typed(trigger, given, n, file, object) {
            Ok(Some((TriggerKind::Resource(_), warnings))) => {
                found.warnings.extend(warnings);
                let message = "is not measured yet, and asks for no pods: the other triggers decide";
                found.warn(&format!("spec.triggers[{n}]"), format!("{} {message}", trigger.kind));
            }
            Ok(Some((_, warnings))) => found.warnings.extend(warnings),
            Ok(None) => {}
            Err(Problems(problems)) => found.problems.extend(problems),
        }
    }
    found
}
