//! `rouse check` on KEDA's manifests: the examples pass, with these warnings; bad ones are refused, with these words.

mod examples;
mod refused;

use config::manifest::Manifests;
use deploy::triggers;

/// What is said about `text`: of warnings and problems the lines, without the name of the file.
fn check(text: &str) -> Result<(Manifests, Vec<String>), Vec<String>> {
    let line = |line: String| line.strip_prefix("a.yaml: ").unwrap_or(&line).to_owned();
    match triggers::read(&[("a.yaml".to_owned(), text.to_owned())]) {
        Ok(manifests) => {
            let warnings = manifests.warnings.iter().map(|warning| line(warning.to_string())).collect();
            Ok((manifests, warnings))
        }
        Err(problems) => Err(problems.0.iter().map(|problem| line(problem.to_string())).collect()),
    }
}
