//! What the apiserver is told about the pods and Services that it asks about.

use super::review::{Answer, Asked, NoQuestion};
use super::settings::Injection;
use super::{pod, review, service};
use crate::exposition;
use crate::kubernetes::names;

/// What is asked about; each has a path of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Pods that are to be created.
    Pods,
    /// Services that are to be changed.
    Services,
}

/// Answers the apiserver's questions. It knows nothing of the cluster but what the question says.
#[derive(Debug)]
pub struct Webhook {
    injection: Injection,
    /// The one who takes keys out of selectors for good reason.
    autoscaler: String,
}

impl Subject {
    /// What is asked about at `path`.
    pub fn at(path: &str) -> Option<Subject> {
        match path {
            "/pods" => Some(Subject::Pods),
            "/services" => Some(Subject::Services),
            _ => None,
        }
    }
}

impl Webhook {
    /// The webhook of the Rouse in `namespace`.
    pub fn new(injection: Injection, namespace: &str) -> Webhook {
        Webhook { injection, autoscaler: format!("system:serviceaccount:{namespace}:{}", names::AUTOSCALER) }
    }

    /// The answer to the question in `body`.
    ///
    /// # Errors
    /// When it is no question.
    pub fn answer(&self, subject: Subject, body: &[u8]) -> Result<Answer, NoQuestion> {
        let asked = review::read(body).inspect_err(|_| exposition::no_review())?;
        Ok(match subject {
            Subject::Pods => self.pod(asked),
            Subject::Services => self.service(asked),
        })
    }

    fn pod(&self, asked: Asked) -> Answer {
        if asked.operation != "CREATE" {
            return Answer::unchanged(asked.uid); // a pod's containers are what they are
        }
        match pod::inject(&asked.object, &asked.namespace, &self.injection) {
            Ok(injected) => {
                exposition::injection(if injected.patch.0.is_empty() { "unchanged" } else { "injected" });
                Answer::allowed(asked.uid, &injected.patch, &injected.warnings)
            }
            Err(problems) => {
                tracing::info!("a pod is refused: {problems}");
                exposition::injection("refused");
                Answer::refused(asked.uid, problems.to_string())
            }
        }
    }

    fn service(&self, asked: Asked) -> Answer {
        if asked.user_info.username == self.autoscaler {
            return Answer::unchanged(asked.uid);
        }
        let patch = service::keep_routed(&asked.old_object, &asked.object);
        if !patch.0.is_empty() {
            exposition::selector_kept();
        }
        Answer::allowed(asked.uid, &patch, &[])
    }
}
