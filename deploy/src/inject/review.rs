//! What the apiserver says to a webhook, and what it is told (`admission.k8s.io/v1`).

use config::Warning;
use json_patch::Patch;
use k8s_openapi::ByteString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version that is understood and spoken.
pub const API_VERSION: &str = "admission.k8s.io/v1";

const KIND: &str = "AdmissionReview";

/// Whether something is allowed, as the apiserver asks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    api_version: String,
    kind: String,
    request: Option<Asked>,
}

/// What somebody wants to do.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// Names the question; the answer repeats it.
    pub uid: String,
    /// `CREATE`, `UPDATE`, …
    #[serde(default)]
    pub operation: String,
    /// Where the object is.
    #[serde(default)]
    pub namespace: String,
    /// Who wants it.
    #[serde(default)]
    pub user_info: User,
    /// The object as it is to be.
    #[serde(default)]
    pub object: Value,
    /// The object as it is; `null` when there is none yet.
    #[serde(default)]
    pub old_object: Value,
}

/// Somebody.
#[derive(Debug, Default, Deserialize)]
pub struct User {
    /// The name, `system:serviceaccount:NAMESPACE:NAME` for a service account.
    #[serde(default)]
    pub username: String,
}

/// Why a text is no question.
#[derive(Debug, thiserror::Error)]
pub enum NoQuestion {
    /// Not JSON, or of another shape.
    #[error("the body is no {KIND}: {0}")]
    Json(#[from] serde_json::Error),
    /// Another kind or version.
    #[error("{kind} of {version} is not understood: it must be {KIND} of {API_VERSION}")]
    Kind {
        /// What it says it is.
        kind: String,
        /// And of which version.
        version: String,
    },
    /// It asks nothing.
    #[error("the {KIND} has no request")]
    Empty,
}

/// Reads what an apiserver asks.
///
/// # Errors
/// When it is something else.
pub fn read(body: &[u8]) -> Result<Asked, NoQuestion> {
    let question: Question = serde_json::from_slice(body)?;
    if question.api_version != API_VERSION || question.kind != KIND {
        return Err(NoQuestion::Kind { kind: question.kind, version: question.api_version });
    }
    question.request.ok_or(NoQuestion::Empty)
}

/// What the apiserver is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    api_version: &'static str,
    kind: &'static str,
    response: Response,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    uid: String,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<ByteString>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Status {
    code: u16,
    reason: &'static str,
    message: String,
}

impl Answer {
    /// It may be done, with what `patch` changes.
    pub fn allowed(uid: String, patch: &Patch, warnings: &[Warning]) -> Answer {
        let bytes = (!patch.0.is_empty()).then(|| ByteString(serde_json::to_vec(patch).expect("operations are JSON")));
        Answer::new(Response {
            uid,
            allowed: true,
            status: None,
            patch_type: bytes.is_some().then_some("JSONPatch"),
            patch: bytes,
            warnings: warnings.iter().map(ToString::to_string).collect(),
        })
    }

    /// It may be done as it is.
    pub fn unchanged(uid: String) -> Answer {
        Answer::allowed(uid, &Patch::default(), &[])
    }

    /// It may not be done, because of what `message` says.
    pub fn refused(uid: String, message: String) -> Answer {
        let status = Some(Status { code: 422, reason: "Invalid", message });
        Answer::new(Response { uid, allowed: false, status, patch_type: None, patch: None, warnings: Vec::new() })
    }

    fn new(response: Response) -> Answer {
        Answer { api_version: API_VERSION, kind: KIND, response }
    }

    /// Its body.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an answer is JSON")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_question_is_of_the_version_that_is_understood() {
        let said = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
        assert!(said("{").starts_with("the body is no AdmissionReview: "));
        assert_eq!(
            said(r#"{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview"}"#),
            "AdmissionReview of admission.k8s.io/v1beta1 is not understood: it must be AdmissionReview of \
             admission.k8s.io/v1"
        );
        assert_eq!(
            said(r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}"#),
            "the AdmissionReview has no request"
        );
    }

    #[test]
    fn an_answer_says_no_more_than_it_must() {
        let answer = |answer: Answer| serde_json::from_slice::<Value>(&answer.to_json()).unwrap()["response"].clone();
        let allowed = answer(Answer::allowed("1".to_owned(), &Patch::default(), &[]));
        assert_eq!(allowed, json!({"uid": "1", "allowed": true}));
        let patch: Patch = serde_json::from_value(json!([{"op": "remove", "path": "/a"}])).unwrap();
        let patched = answer(Answer::allowed("1".to_owned(), &patch, &[]));
        assert_eq!(patched["patchType"], "JSONPatch");
        assert_eq!(patched["patch"], "W3sib3AiOiJyZW1vdmUiLCJwYXRoIjoiL2EifV0=");
        let refused = answer(Answer::refused("1".to_owned(), "no".to_owned()));
        let status = json!({"code": 422, "reason": "Invalid", "message": "no"});
        assert_eq!(refused, json!({"uid": "1", "allowed": false, "status": status}));
    }

    proptest! {
        #[test]
        fn strange_bodies_are_told_from_questions(body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&body).is_err());
        }
    }
}
