//! Names of metrics, as KEDA makes them: what an HPA, a dashboard or another scaler may already know.

/// `name` with a dash for each letter that may not stand in a metric's name.
pub fn normalized(name: &str) -> String {
    name.replace(['/', '.', ':', '%', '(', ')'], "-")
}

/// The name of the trigger at `index`: `s0-name`.
pub fn indexed(index: usize, name: &str) -> String {
    format!("s{index}-{name}")
}

/// The name without the index in front; none if another index stands there, or none.
pub fn without_index(index: usize, name: &str) -> Option<&str> {
    name.strip_prefix(&format!("s{index}-"))
}
