//! Objects as people read them.

use super::Object;

/// Objects that cannot be written as YAML: a defect of ours.
#[derive(Debug, thiserror::Error)]
#[error("{object} cannot be written")]
pub struct NotWritten {
    object: String,
    #[source]
    source: serde_saphyr::ser::Error,
}

/// All of `objects` as one file.
///
/// # Errors
/// When one of them cannot be written.
pub fn yaml(objects: &[Object]) -> Result<String, NotWritten> {
    let mut text = format!("# Rouse {}: kubectl apply -f -\n", env!("CARGO_PKG_VERSION"));
    for object in objects {
        let written =
            serde_saphyr::to_string(object).map_err(|source| NotWritten { object: object.to_string(), source })?;
        text.push_str("---\n");
        text.push_str(&written);
    }
    Ok(text)
}
