//! The triggers of manifests: what their parameters mean.

use autoscaler::triggers::metadata::{Parameters, TriggerKind};
use config::keda::Trigger;
use config::manifest::{self, DeclaredJob, DeclaredObject, Given, Manifests};
use config::{Findings, Problems, Warning};

/// Reads manifests with the parameters of all their triggers: each file a name for messages and its text.
///
/// # Errors
/// Every problem of every file.
pub fn read(files: &[(String, String)]) -> Result<Manifests, Problems> {
    manifest::read_with(files, |objects, jobs| {
        let objects = objects.iter().map(|DeclaredObject { object, given, place }| (&object.triggers, given, place));
        let jobs = jobs.iter().map(|DeclaredJob { job, given, place, .. }| (&job.triggers, given, place));
        let mut found = Findings::default();
        for (triggers, given, (file, object)) in objects.chain(jobs) {
            found.absorb(check(triggers, given, file, object));
        }
        found
    })
}

/// The trigger number `n` of `object` in `file`, by what it was given. None if it has parameters of a container that no
/// file declares.
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
    let (no_auth, no_env) = Default::default();
    if given.env.is_none() && trigger.metadata.keys().any(|name| name.ends_with("FromEnv")) {
        return Ok(None);
    }
    let (auth, env) = (given.auth.get(n).unwrap_or(&no_auth), given.env.as_ref().unwrap_or(&no_env));
    let parameters = Parameters::new(&trigger.metadata, auth, env).of(file, object, &format!("spec.triggers[{n}]"));
    TriggerKind::parse(&trigger.kind, parameters).map(Some)
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
