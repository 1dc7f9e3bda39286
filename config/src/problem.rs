//! What is wrong, or worth a remark, in what a user wrote.
//!
//! One line names the file, the object, the key, the value and what is allowed:
//! `hello.yaml: Deployment default/hello: rouse.dev/timeout: "5 minutes" is not a duration: write it as Go does, 300s or
//! 5m`. Readers collect into [`Findings`] and go on, so that a user sees every problem of an object at once.

use std::fmt;

/// One thing that is wrong. What is not known (no file, no value) is empty and left out of the line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub struct Problem {
    /// The file it is written in.
    pub file: String,
    /// The object: `Deployment default/hello`.
    pub object: String,
    /// The annotation, ConfigMap key or field path: `spec.template.spec.containers[0].command`.
    pub key: String,
    /// The value as written.
    pub value: Option<String>,
    /// What is wrong with it and what is allowed, as the rest of a sentence that begins with the value.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.file, &self.object, &self.key] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        match &self.value {
            Some(value) => write!(f, "{value:?} {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Something that stops nothing but that its author should know. It says where and what as a [`Problem`] does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning(pub Problem);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Everything that is wrong, never empty; one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// What reading one object (or several) found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    file: String,
    object: String,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What is worth a remark.
    pub warnings: Vec<Warning>,
}

impl Findings {
    /// Findings about `object` in `file`; either may be empty.
    pub fn about(file: impl Into<String>, object: impl Into<String>) -> Findings {
        Findings { file: file.into(), object: object.into(), ..Findings::default() }
    }

    /// `key` with `value` is wrong, for the reason that `message` gives.
    pub fn wrong(&mut self, key: &str, value: &str, message: impl Into<String>) {
        self.push(self.describe(key, Some(value), message.into()));
    }

    /// `key` is wrong whatever its value, or for want of one.
    pub fn refuse(&mut self, key: &str, message: impl Into<String>) {
        self.push(self.describe(key, None, message.into()));
    }

    /// `key` is worth a remark.
    pub fn warn(&mut self, key: &str, message: impl Into<String>) {
        let warning = Warning(self.describe(key, None, message.into()));
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Takes over what was found elsewhere.
    pub fn absorb(&mut self, other: Findings) {
        self.problems.extend(other.problems);
        self.warnings.extend(other.warnings);
    }

    /// `value` and the warnings, if nothing is wrong.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn finish<T>(self, value: T) -> Result<(T, Vec<Warning>), Problems> {
        if self.problems.is_empty() { Ok((value, self.warnings)) } else { Err(Problems(self.problems)) }
    }

    /// A field that is read twice is reported once; so are warnings.
    fn push(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn describe(&self, key: &str, value: Option<&str>, message: String) -> Problem {
        Problem {
            file: self.file.clone(),
            object: self.object.clone(),
            key: key.to_owned(),
            value: value.map(str::to_owned),
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_one_sentence() {
        let mut found = Findings::about("hello.yaml", "Deployment default/hello");
        found.wrong("rouse.dev/timeout", "5 minutes", "is not a duration: write it as Go does, 300s or 5m");
        found.refuse("spec.template", "is missing");
        let problems = found.finish(()).expect_err("two problems");
        assert_eq!(
            problems.to_string(),
            "hello.yaml: Deployment default/hello: rouse.dev/timeout: \"5 minutes\" is not a duration: write it as Go \
             does, 300s or 5m\nhello.yaml: Deployment default/hello: spec.template: is missing"
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let mut found = Findings::about("", "");
        found.wrong("window", "1s", "is too short");
        assert_eq!(found.problems[0].to_string(), "window: \"1s\" is too short");
    }

    #[test]
    fn warnings_alone_stop_nothing() {
        let mut found = Findings::about("a.yaml", "");
        found.warn("k", "is odd");
        let (value, warnings) = found.finish(7).expect("no problem");
        assert_eq!((value, warnings[0].to_string().as_str()), (7, "a.yaml: k: is odd"));
    }
}
