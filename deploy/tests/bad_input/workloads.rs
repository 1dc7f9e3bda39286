//! Workloads that cannot start: their clients are told one word, `rouse explain` says the rest.

use std::path::Path;

use crate::rouse::Serving;

/// A Deployment called `hello` that runs `command`, with a progress deadline of 300 ms.
fn running(command: &str) -> Serving {
    Serving::start(&format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: hello\n  annotations: {{ \
         serving.knative.dev/progress-deadline: 300ms }}\nspec:\n  template: {{ spec: {{ containers: [{{ command: \
         {command} }}] }} }}\n"
    ))
}

/// What the client is told, and the operator.
#[track_caller]
fn cannot_start(command: &str, word: &str, detail: impl Fn(&str) -> bool) {
    let rouse = running(command);
    let answer = rouse.get();
    assert_eq!((answer.status, answer.header("rouse-reason")), (503, Some(word)), "{answer:?}");
    assert_eq!((answer.header("retry-after"), answer.body.as_str()), (Some("1"), "the service cannot start"));
    let explained = rouse.explained_failure();
    let told = explained.strip_prefix(word).and_then(|rest| rest.strip_prefix(": "));
    assert!(told.is_some_and(detail), "{explained}");
}

#[test]
fn a_command_that_does_not_exist() {
    cannot_start("[no-such-command]", "image", |detail| detail == "command \"no-such-command\" does not exist");
}

#[test]
fn a_command_that_cannot_be_executed() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let said = format!("command {manifest:?} is not executable");
    cannot_start(&format!("[{manifest:?}]"), "image", |detail| detail == said);
}

#[test]
fn an_app_that_never_listens() {
    cannot_start("[sleep, '600']", "start-timeout", |detail| {
        let port = detail.strip_prefix("not ready within 300ms; it is to listen on its PORT, which was ");
        port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| (20_000..30_000).contains(&port)))
    });
}

#[test]
fn an_app_that_crashes_at_once() {
    let command = "[sh, -c, 'echo no configuration >&2; exit 3']";
    cannot_start(command, "crash-loop", |detail| detail == "exit code 3: no configuration");
}
