//! What `rouse manifests` prints.

use std::process::Command;

use serde_json::Value;

/// The objects that `rouse manifests` prints with these flags.
pub(crate) fn objects(flags: &[&str]) -> Vec<Value> {
    serde_saphyr::from_multiple(&text(flags)).expect("it prints YAML")
}

/// The one of this kind and name.
pub(crate) fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let is = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
    objects.iter().find(is).unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

/// Its whole output.
pub(crate) fn text(flags: &[&str]) -> String {
    let words: Vec<&str> = ["manifests"].iter().chain(flags).copied().collect();
    let (code, out, err) = rouse(&words);
    assert_eq!(code, Some(0), "{err}");
    out
}

/// Runs `rouse` to its end: its exit code, and what it says.
pub(crate) fn rouse(words: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rouse")).args(words).output().expect("rouse starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}
